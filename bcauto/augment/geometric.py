"""Ops that move pixels: each takes (h, w, 3) uint8 and returns the same shape and dtype.

Each resamples once, bilinearly (flips are exact). ``fill`` says what comes in over the edge: by
default the picture's reflection, as in keras-cv. No op writes to its input.
"""

from __future__ import annotations

from math import cos, floor, radians, sin
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.augment.pixels import FILLS, Fill, Image, warp

__all__ = [
    "Affine",
    "Size",
    "compose",
    "flip_horizontal",
    "flip_vertical",
    "rotate",
    "rotate_map",
    "shear_x",
    "shear_x_map",
    "shear_y",
    "shear_y_map",
    "translate_x",
    "translate_x_map",
    "translate_y",
    "translate_y_map",
    "zoom",
    "zoom_map",
]

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""

Affine: TypeAlias = NDArray[np.float64]
"""A map (2, 3) from a place (x, y) of the result to its place in the source, in pixels."""


def flip_horizontal(image: Image) -> Image:
    """The image with left and right exchanged."""
    return cast(Image, cv2.flip(image, 1))


def flip_vertical(image: Image) -> Image:
    """The image with top and bottom exchanged."""
    return cast(Image, cv2.flip(image, 0))


def translate_x(image: Image, fraction: float, fill: Fill = "reflect") -> Image:
    """The image moved to the right by ``fraction`` of its width, -1 to 1 (left if negative)."""
    return _shift(image, 1, fraction * image.shape[1], fill)


def translate_y(image: Image, fraction: float, fill: Fill = "reflect") -> Image:
    """The image moved down by ``fraction`` of its height, -1 to 1 (up if negative)."""
    return _shift(image, 0, fraction * image.shape[0], fill)


def shear_x(image: Image, slope: float, fill: Fill = "reflect") -> Image:
    """The image with each row moved left by ``slope`` pixels a row from the top, -1 to 1.

    The top row stays, as in keras-cv and in Hendrycks et al. 2020, so a shear also shifts the
    middle by half of ``slope``.
    """
    return warp(image, shear_x_map(image.shape[:2], slope), fill)


def shear_y(image: Image, slope: float, fill: Fill = "reflect") -> Image:
    """The image with each column moved up by ``slope`` pixels a column from the left, -1 to 1.

    The left column stays, as in keras-cv and in Hendrycks et al. 2020.
    """
    return warp(image, shear_y_map(image.shape[:2], slope), fill)


def rotate(image: Image, degrees: float, fill: Fill = "reflect") -> Image:
    """The image turned counter-clockwise about its middle by ``degrees``, -360 to 360."""
    return warp(image, rotate_map(image.shape[:2], degrees), fill)


def zoom(image: Image, change: float, fill: Fill = "reflect") -> Image:
    """The image with the field of view larger by ``change`` of each side, -1 to 1.

    The sign is Keras': .3 shows 1.3 of each side (things look smaller), -.3 shows .7 of it.
    """
    return warp(image, zoom_map(image.shape[:2], change), fill)


def translate_x_map(size: Size, fraction: float) -> Affine:
    """The map of ``translate_x``."""
    return np.array([[1.0, 0.0, -fraction * size[1]], [0.0, 1.0, 0.0]])


def translate_y_map(size: Size, fraction: float) -> Affine:
    """The map of ``translate_y``."""
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -fraction * size[0]]])


def shear_x_map(_size: Size, slope: float) -> Affine:
    """The map of ``shear_x``."""
    return np.array([[1.0, slope, 0.0], [0.0, 1.0, 0.0]])


def shear_y_map(_size: Size, slope: float) -> Affine:
    """The map of ``shear_y``."""
    return np.array([[1.0, 0.0, 0.0], [slope, 1.0, 0.0]])


def rotate_map(size: Size, degrees: float) -> Affine:
    """The map of ``rotate``."""
    turn, rise = cos(radians(degrees)), sin(radians(degrees))
    return _about_middle(size, np.array([[turn, -rise], [rise, turn]]))


def zoom_map(size: Size, change: float) -> Affine:
    """The map of ``zoom``."""
    return _about_middle(size, np.eye(2) * (1.0 + change))


def compose(first: Affine, second: Affine) -> Affine:
    """Return the map of one warp that does what two do one after the other, except at the edge.

    What the second brings in over the edge is taken from the original, not from the first's result.
    """
    linear = first[:, :2] @ second[:, :2]
    offset = first[:, :2] @ second[:, 2] + first[:, 2]
    return np.column_stack([linear, offset])


def _shift(image: Image, axis: int, pixels: float, fill: Fill) -> Image:
    """Return the image moved along ``axis`` (0 down, 1 right) by ``pixels``.

    This equals a bilinear warp, and takes a third of its time: two whole shifts are blended.
    """
    whole = floor(pixels)
    before, after = max(whole + 1, 0), max(-whole, 0)
    margins = (before, after, 0, 0) if axis == 0 else (0, 0, before, after)
    padded = cv2.copyMakeBorder(image, *margins, FILLS[fill])
    length, part = image.shape[axis], pixels - whole
    near = _window(padded, axis, before - whole, length)
    far = _window(padded, axis, before - whole - 1, length)
    return cast(Image, cv2.addWeighted(near, 1.0 - part, far, part, 0.0))


def _window(padded: cv2.typing.MatLike, axis: int, start: int, length: int) -> cv2.typing.MatLike:
    """Return a view of ``length`` rows (axis 0) or columns (axis 1) from ``start``."""
    window = slice(start, start + length)
    return padded[window] if axis == 0 else padded[:, window]


def _about_middle(size: Size, linear: NDArray[np.float64]) -> Affine:
    """Return the map that applies ``linear`` (2, 2) about the middle of a picture."""
    height, width = size
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([linear, middle - linear @ middle])
