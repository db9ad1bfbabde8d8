"""The registry of corruptions by name, each with its family, and corruptions at a severity.

A corruption takes a uint8 RGB image (h, w, 3) of at least 8 pixels a side, a severity of 1 to 5 and
a generator, and returns a new image of the same shape and type. Equal generators give equal bytes.
The random values do not depend on the severity, so that a greater one only adds to the damage.

No corruption equals an op that training can sample: training rotates, translates, shears, zooms,
flips, shifts brightness, contrast, saturation, hue and channels, shuffles channels, posterizes,
solarizes, equalizes, sharpens, blurs with a Gaussian, adds normal noise, hides rectangles and
grids, and compresses at JPEG quality 50 or more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np

from bcauto.errors import BadInput, did_you_mean
from bcauto.proxy import blur, colour, exposure, geometry, microscopy, occlusion, sensor
from bcauto.proxy.primitives import Image

__all__ = [
    "CORRUPTIONS",
    "FAMILIES",
    "HELD_OUT",
    "OWN",
    "SEVERITIES",
    "Corruption",
    "CorruptionAtSeverity",
]

SEVERITIES = (1, 2, 3, 4, 5)

OWN = "own"
"""The family of a user's own images, which are not corrupted."""


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
"""The families that are reported and, by default, never part of the objective."""

CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        function.__name__: Corruption(function.__name__, family, function)
        for family, functions in _BY_FAMILY.items()
        for function in functions
    }
)
"""Every corruption by its name."""


@dataclass(frozen=True)
class CorruptionAtSeverity:
    """A corruption at one severity, such as ``defocus/3``.

    A user's own images are divided into parts that stand in for it: there, ``corruption`` is
    ``own`` and ``severity`` is the number of the part, from 1.

    Raises:
        BadInput: there is no such corruption or severity.

    """

    corruption: str
    severity: int

    def __post_init__(self) -> None:
        if self.corruption == OWN:
            return
        if self.corruption not in CORRUPTIONS:
            hint = did_you_mean(self.corruption, CORRUPTIONS)
            raise BadInput(f"must be a known corruption, got {self.corruption!r}; {hint}")
        if self.severity not in SEVERITIES:
            raise BadInput(f"a severity must be one of {SEVERITIES}, got {self.severity!r}")

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the corruption at a severity called ``name``, such as ``defocus/3``.

        Raises:
            BadInput: nothing is called so.

        """
        corruption, _, severity = name.partition("/")
        if not severity.isdecimal():
            raise BadInput(f"must be named corruption/severity, such as defocus/3; got {name!r}")
        return cls(corruption, int(severity))

    @property
    def name(self) -> str:
        """The corruption's name and the severity, such as ``defocus/3``."""
        return f"{self.corruption}/{self.severity}"

    @property
    def family(self) -> str:
        """The corruption's family."""
        return OWN if self.corruption == OWN else CORRUPTIONS[self.corruption].family

    def corrupt(self, image: Image, rng: np.random.Generator) -> Image:
        """Return a corrupted copy of ``image``, both (h, w, 3) uint8."""
        return CORRUPTIONS[self.corruption].function(image, self.severity, rng)
