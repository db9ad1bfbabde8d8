"""The registry of corruptions: every one by name, with the family that it belongs to.

A corruption takes a uint8 RGB image (h, w, 3) of any size from 8 pixels a side, a severity of 1 to
5 and a generator, and returns a new image of the same shape and type. Equal generators give equal
bytes, and what is drawn does not depend on the severity, which therefore only adds to the damage.
None equals an operation that training draws: training rotates, translates, shears, zooms, flips,
shifts brightness, contrast, saturation, hue and channels, shuffles channels, posterizes, solarizes,
equalizes, sharpens, blurs and adds noise normally, hides rectangles and grids, and compresses at
JPEG quality 50 or more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bcauto.proxy import blur, colour, exposure, geometry, microscopy, occlusion, sensor
from bcauto.proxy.fields import Image

__all__ = ["CORRUPTIONS", "FAMILIES", "HELD_OUT", "SEVERITIES", "Corruption", "Image"]

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """A named way to damage an image.

    ``function(image, severity, rng)`` maps (h, w, 3) uint8 to a new (h, w, 3) uint8.
    """

    name: str
    family: str
    function: Callable[[Image, int, np.random.Generator], Image]


_BY_FAMILY = {
    "geometry": (geometry.elastic, geometry.tilt, geometry.lens),
    "colour": (colour.colour_cast, colour.channel_mix, colour.split_toning),
    "exposure": (exposure.gamma, exposure.uneven_light, exposure.overexposure),
    "occlusion": (occlusion.blobs, occlusion.scratches, occlusion.spatter),
    "sensor": (sensor.shot_noise, sensor.jpeg, sensor.pixelation),
    "blur": (blur.defocus, blur.motion, blur.glass),
    "microscopy": (microscopy.stain_shift, microscopy.stain_deposits, microscopy.air_bubbles),
}

FAMILIES: tuple[str, ...] = tuple(_BY_FAMILY)
HELD_OUT: tuple[str, ...] = ("blur", "microscopy")
CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        function.__name__: Corruption(function.__name__, family, function)
        for family, functions in _BY_FAMILY.items()
        for function in functions
    }
)
