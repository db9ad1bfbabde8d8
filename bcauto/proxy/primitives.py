"""What corruptions are made of: severity tables, smooth noise, warps, rounding to bytes.

Lengths are fractions of an image's short side, so that one table serves images of 28 and 224 px.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

__all__ = [
    "Floats",
    "Image",
    "Table",
    "as_pixels",
    "level",
    "offsets",
    "pixel_grid",
    "short_side",
    "smooth_noise",
    "warp",
]

Image = npt.NDArray[np.uint8]
"""One RGB image, (h, w, 3) uint8."""

Floats = npt.NDArray[np.float32]

Table = tuple[float, float, float, float, float]
"""A quantity at severities 1 to 5."""


def level(table: Table, severity: int) -> float:
    """Return the entry of ``table`` for a severity of 1 to 5; ValueError for any other."""
    if not 1 <= severity <= len(table):
        raise ValueError(f"severity must be 1 to {len(table)}, got {severity!r}")
    return table[severity - 1]


def short_side(image: Image) -> int:
    """Return the smaller of an image's height and width, in pixels."""
    height, width = image.shape[:2]
    return int(min(height, width))


def as_pixels(values: npt.NDArray[np.floating]) -> Image:
    """Return values rounded to uint8 and clipped to 0..255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def pixel_grid(image: Image) -> tuple[Floats, Floats]:
    """Return the x and the y coordinates of the pixels, (h, w) float32 each, in pixels."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def offsets(image: Image, centre: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return every pixel's x and y distances from a centre, (h, w) each, in pixels.

    ``centre`` is (x, y) in fractions of the width and of the height.
    """
    height, width = image.shape[:2]
    x, y = pixel_grid(image)
    return x - np.float32(centre[0] * (width - 1)), y - np.float32(centre[1] * (height - 1))


def warp(image: Image, x: Floats, y: Floats) -> Image:
    """Return the image sampled at coordinates (x, y), (h, w) each, in pixels; its edge mirrors."""
    warped = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, dtype=np.uint8)


def smooth_noise(image: Image, patches: float, channels: int, rng: np.random.Generator) -> Floats:
    """Return smooth noise of zero mean and unit standard deviation, (h, w, channels) float32.

    ``patches`` is how many independent values lie along the image's short side: normal values on
    that coarse grid are interpolated, which takes a fraction of the time of blurring full-size
    noise.
    """
    height, width = image.shape[:2]
    patch = short_side(image) / patches
    grid = (round(height / patch) + 1, round(width / patch) + 1, channels)
    coarse = rng.standard_normal(grid, dtype=np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    field = np.asarray(fine, dtype=np.float32).reshape(height, width, channels)
    field -= field.mean(axis=(0, 1))
    field /= field.std(axis=(0, 1)) + np.float32(1e-6)
    return field
