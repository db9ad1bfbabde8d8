"""Compares two pictures by their texture, which tells whether they are the same picture.

Texture is the difference between a fine and a coarse blur. What is finer is noise and compression;
what is coarser is common to all pictures of one kind of thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil, sqrt
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["TURNS", "TextureMatcher", "Turn", "small_shift"]

_Picture = NDArray[np.uint8]
_Grey = NDArray[Any]  # (h, w) float32, grey levels

_SAME = 0.92
"""Smallest correlation of textures from which two pictures are the same. Different blood cells of
96 px reach 0.82, painted ones 0.67; copies with a little compression, blur, noise or shift stay
above 0.94."""

_ENOUGH_PIXELS = 1300
"""Pixels from which ``_SAME`` holds. Smaller pictures say less and must agree more: different cells
of 28 px reach 0.943, their copies stay above 0.954."""

_LARGEST_SIDE = 64  # px, at which pictures are compared
_FINE, _COARSE = 1.0, 2.0  # px, standard deviations of the two blurs
_ROUNDING = 0.01  # grey levels: a texture of a smaller standard deviation is rounding
_LARGEST_SHIFT = 2  # px


def small_shift(size: tuple[int, int]) -> int:
    """Return the largest shift, in px, that a copy may have; 0 for pictures of less than 14 px."""
    return min(_LARGEST_SHIFT, min(size) // 14)


class Turn(NamedTuple):
    """One of the eight symmetries of the square: axes are swapped first, then reversed."""

    swapped: bool
    upside_down: bool
    mirrored: bool

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a view of ``pixels`` (h, w) or (h, w, c), turned."""
        if self.swapped:
            pixels = pixels.swapaxes(0, 1)
        return pixels[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


TURNS = tuple(Turn(*flags) for flags in product((False, True), repeat=3))
"""All eight; the first changes nothing."""


@dataclass(frozen=True)
class TextureMatcher:
    """Compares pictures of ``size``, height and width in px, as squares of one side."""

    size: tuple[int, int]

    @cached_property
    def side(self) -> int:
        """Side of the squares in px."""
        return min(_LARGEST_SIDE, max(self.size))

    @cached_property
    def resized(self) -> bool:
        """Whether pictures are resized to squares; shifts are then fractions of a px."""
        return self.size != (self.side, self.side)

    @cached_property
    def reach(self) -> int:
        """Largest shift that is tried in the squares, in px: a small one, rounded up."""
        return ceil(small_shift(self.size) * self.side / min(self.size)) + self.resized

    @cached_property
    def threshold(self) -> float:
        """Smallest score from which two pictures are the same."""
        return 1 - (1 - _SAME) * min(1, self.side**2 / _ENOUGH_PIXELS)

    def are_same(self, first: _Picture, second: _Picture, turn: Turn) -> bool:
        """Return whether ``first`` and the turned ``second``, (h, w, 3) uint8 RGB, are the same."""
        return self.score(first, second, turn) >= self.threshold

    def score(self, first: _Picture, second: _Picture, turn: Turn) -> float:
        """Return the correlation, -1 to 1, of the textures of ``first`` and turned ``second``."""
        one, other = self._square(first), np.ascontiguousarray(turn(self._square(second)))
        down, across = self._best_shift(one, other)
        return _texture_correlation(*_overlap(one, other, down, across))

    def _square(self, picture: _Picture) -> _Grey:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if self.resized:
            shrinks = self.side**2 < grey.size
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            grey = cv2.resize(grey, (self.side, self.side), interpolation=method)
        return grey.astype(np.float32)

    def _best_shift(self, one: _Grey, other: _Grey) -> tuple[float, float]:
        """Return the shift of ``other``, down and across in px, at which it fits ``one`` best."""
        inner = slice(self.reach, self.side - self.reach)
        fits = cv2.matchTemplate(one, other[inner, inner], cv2.TM_CCOEFF_NORMED)
        down, across = divmod(int(fits.argmax()), fits.shape[1])
        if not self.resized:
            return down - self.reach, across - self.reach
        return _peak(fits[:, across], down) - self.reach, _peak(fits[down], across) - self.reach


def _peak(values: NDArray[Any], at: int) -> float:
    """Return where a parabola through the largest value, at ``at``, and its neighbours peaks."""
    if not 0 < at < len(values) - 1:
        return at
    before, largest, after = map(float, values[at - 1 : at + 2])
    bend = before - 2 * largest + after
    return at + (before - after) / (2 * bend) if bend < 0 else at


def _overlap(one: _Grey, other: _Grey, down: float, across: float) -> tuple[_Grey, _Grey]:
    """Return the parts of two squares that overlap after ``other`` is shifted, in px.

    Each is shifted by half. What may have come in at an edge of a copy, such as black, is left out.
    """
    side = len(one)
    size = (side - 2 * ceil(abs(across)), side - 2 * ceil(abs(down)))
    middle = (side - 1) / 2
    return (
        cv2.getRectSubPix(one, size, (middle + across / 2, middle + down / 2)),
        cv2.getRectSubPix(other, size, (middle - across / 2, middle - down / 2)),
    )


def _texture_correlation(one: _Grey, other: _Grey) -> float:
    """Return the correlation of two pictures' textures; 0 where either has none."""
    both = cv2.merge((one, other))  # two channels: each blur is one call
    fine, coarse = (cv2.GaussianBlur(both, (0, 0), deviation) for deviation in (_FINE, _COARSE))
    a, b = cv2.split(fine - coarse)
    energies = float(np.vdot(a, a)), float(np.vdot(b, b))
    if min(energies) < a.size * _ROUNDING**2:
        return 0.0
    return float(np.vdot(a, b)) / sqrt(energies[0] * energies[1])
