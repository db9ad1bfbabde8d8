"""Ops that hide parts: each takes (h, w, 3) uint8 and returns the same shape and dtype.

No op writes to its input.
"""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from bcauto.augment.pixels import Image, span

__all__ = ["cutout", "grid_mask"]

_GRID_TURN = 54.0  # degrees; keras-cv's GridMask turns by up to .15 of a full turn
_GRID_UNIT = (0.3, 0.5)  # of width and of height; its unit lies between the two


def cutout(image: Image, side: float, rng: np.random.Generator, fill: int = 0) -> Image:
    """The image with one rectangle of ``side`` (0 to 1) of each side set to ``fill`` (0-255).

    Its middle is uniform over the image, so that a part of it may lie outside
    (DeVries & Taylor 2017; keras-cv's ``RandomCutout``).
    """
    result = image.copy()
    rows, columns = (span(length, side, rng) for length in image.shape[:2])
    result[rows, columns] = fill
    return result


def grid_mask(image: Image, ratio: float, rng: np.random.Generator, fill: int = 0) -> Image:
    """The image under a grid of squares set to ``fill`` (0-255); a square is ``ratio`` of a unit.

    ``ratio`` runs from 0 (nothing hidden) to 1 (all hidden). The unit lies between .3 of the width
    and .5 of the height; the grid is shifted at random and turned by up to 54 degrees (Chen et al.
    2020; the numbers are keras-cv's ``GridMask``'s).
    """
    result = image.copy()
    result[_grid(image, rng) < ratio] = fill
    return result


def _grid(image: Image, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the ratio above which a random grid hides each pixel of ``image``, (h, w)."""
    height, width = image.shape[:2]
    low, high = sorted((_GRID_UNIT[0] * width, _GRID_UNIT[1] * height))
    unit = low + rng.random() * (high - low + 1)
    angle = radians(_GRID_TURN * (2 * rng.random() - 1))
    along, across = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    first = _phase((cos(angle) * along + sin(angle) * across) / unit + rng.random())
    second = _phase((cos(angle) * across - sin(angle) * along) / unit + rng.random())
    return np.maximum(first, second)


def _phase(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far into its unit each place is, in [0, 1)."""
    return units - np.floor(units)
