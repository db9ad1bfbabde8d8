"""All ops by name, each with the legal range of its strength and its place on keras-cv's scale.

A new op also needs its layer in ``training/keras_cv.py``, or its reason in ``augment/policies.py``
why keras-cv has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType

import numpy as np

from bcauto.augment import colour, detail, geometric, occlusion, tone
from bcauto.augment.pixels import Image
from bcauto.errors import BadInput, did_you_mean

__all__ = ["GROUPS", "OPS", "Op", "op"]


@dataclass(frozen=True)
class Op:
    """An op, with what a policy must know to sample a strength for it.

    ``function`` takes an image, then a strength if ``has_strength``, then a generator if
    ``is_random``; a warp takes a ``fill`` too. Strengths run from ``low`` to ``high`` in ``unit``;
    zero changes nothing (but see ``jpeg``), and signs are mirror images of one another.
    """

    name: str
    function: Callable[..., Image]
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    full: float = 0.0
    """The strength at 1 on keras-cv's 0-1 scale: the factor of its layer of the same kind."""
    is_random: bool = False
    """Whether the op itself is random, such as the place of a cut."""
    affine: Callable[[geometric.Size, float], geometric.Affine] | None = None
    """The map of (size, strength), where the op is a warp."""
    growing_to: float = inf
    """The stronger the op, the more a picture changes on average, up to this strength. Beyond it
    the picture may come closer to what it was, as with a turn of more than 180 degrees."""
    group: str = ""
    """The name of its group in ``GROUPS``."""

    @property
    def has_strength(self) -> bool:
        """Whether there is more than one way to apply the op."""
        return bool(self.unit)

    def strength(self, magnitude: float) -> float:
        """The strength, in ``unit``, at ``magnitude`` on keras-cv's 0-1 scale (linear)."""
        return self.full * magnitude

    def __call__(self, image: Image, strength: float, rng: np.random.Generator) -> Image:
        """Apply the op to an image (h, w, 3) uint8; return the input itself if nothing changes.

        Raises:
            BadInput: the strength is outside ``low`` to ``high``.

        """
        if self.has_strength and not self.low <= strength <= self.high:
            raise BadInput(
                f"{self.name} needs a strength from {self.low:g} to {self.high:g} {self.unit}, "
                f"got {strength:g}"
            )
        strengths = (strength,) if self.has_strength else ()
        chance = (rng,) if self.is_random else ()
        return self.function(image, *strengths, *chance)


def op(name: str) -> Op:
    """Return the op called ``name``.

    Raises:
        BadInput: there is no such op.

    """
    if name not in OPS:
        raise BadInput(f"no augmentation op {name!r}; {did_you_mean(name, OPS)}")
    return OPS[name]


def _warp(
    function: Callable[..., Image],
    affine: Callable[[geometric.Size, float], geometric.Affine],
    unit: str,
    most: float,
    growing_to: float = inf,
) -> Op:
    """Return a geometric op with its map, named after its function."""
    name = function.__name__
    return Op(name, function, unit, -most, most, full=most, affine=affine, growing_to=growing_to)


_BY_GROUP = {
    # layer factors are fractions of a side; of a full turn for the rotation
    "geometry": (
        _warp(geometric.translate_x, geometric.translate_x_map, "of the width", 1, 0.45),
        _warp(geometric.translate_y, geometric.translate_y_map, "of the height", 1, 0.45),
        _warp(geometric.shear_x, geometric.shear_x_map, "pixels a row", 1, 0.8),
        _warp(geometric.shear_y, geometric.shear_y_map, "pixels a column", 1, 0.8),
        _warp(geometric.rotate, geometric.rotate_map, "degrees", 360, 90),
        _warp(geometric.zoom, geometric.zoom_map, "of each side", 1, 0.75),
        Op("flip_horizontal", geometric.flip_horizontal),
        Op("flip_vertical", geometric.flip_vertical),
    ),
    # keras-cv has no scale for posterize; 1 leaves one of eight bits
    "tone": (
        Op("brightness", tone.brightness, "of the range 255", -1, 1, full=1),
        Op("contrast", tone.contrast, "of the distance from the mean", -1, 1, full=1),
        Op("posterize", tone.posterize, "bits", 0, 7, full=7),
        Op("solarize", tone.solarize, "levels", 0, 256, full=255),
        Op("equalize", tone.equalize),
        Op("autocontrast", tone.autocontrast),
    ),
    "colour": (
        Op("saturation", colour.saturation, "of the way to grey or to full", -1, 1, full=1),
        Op("hue", colour.hue, "degrees", -180, 180, full=180, growing_to=90),
        Op("channel_shift", colour.channel_shift, "of the range 255", 0, 1, 0.5, is_random=True),
        Op("channel_shuffle", colour.channel_shuffle, is_random=True),
        Op("degenerate_colour", colour.degenerate_colour, "of the way to grey", 0, 1, full=1),
    ),
    # keras-cv's sharpness only smooths; it has no noise; its blur's factor is in pixels. JPEG is at
    # quality 50 at its strongest, above the qualities that the proxy scores on
    "detail": (
        Op("sharpness", detail.sharpness, "of the fine detail", -1, 1, full=-1),
        Op("gaussian_blur", detail.gaussian_blur, "pixels", 0, 10, full=1),
        Op("gaussian_noise", detail.gaussian_noise, "of the range 255", 0, 1, 1, is_random=True),
        Op("jpeg", detail.jpeg, "below quality 100", 0, 100, full=50),
    ),
    "occlusion": (
        Op("cutout", occlusion.cutout, "of each side", 0, 1, full=1, is_random=True),
        Op("grid_mask", occlusion.grid_mask, "of a grid unit", 0, 1, full=1, is_random=True),
    ),
}

GROUPS: tuple[str, ...] = tuple(_BY_GROUP)
"""The groups of ops that change a picture in the same respect."""

OPS: Mapping[str, Op] = MappingProxyType(
    {each.name: replace(each, group=group) for group, ops in _BY_GROUP.items() for each in ops}
)
"""Every op by its name, in a fixed order."""
