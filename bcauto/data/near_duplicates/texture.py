"""Whether two pictures that look alike are one: whether they have their texture in common.

Texture is what lies between a fine blur and a coarse one. What is finer is noise and compression;
what is coarser, all pictures of one kind of thing share.
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

__all__ = ["TURNS", "Likeness", "Turn", "small_shift"]

_Picture = NDArray[np.uint8]
_Grey = NDArray[Any]  # (h, w) float32, grey levels

_SAME = 0.92
"""Least correlation of one picture's textures. Different blood cells of 96 px reach 0.82, drawn
ones 0.67; a copy that is recompressed, blurred, noisy or shifted by little stays above 0.94."""

_ENOUGH = 1300
"""Pixels from which ``_SAME`` holds. Fewer say less and must agree more: different cells of 28 px
reach 0.943, their copies stay above 0.954."""

_LARGE = 64  # px, the largest side at which pictures are compared
_FINE, _COARSE = 1.0, 2.0  # px, standard deviations of the two blurs
_NOTHING = 0.01  # grey levels: texture of less standard deviation is rounding
_MOST_SHIFT = 2  # px


def small_shift(size: tuple[int, int]) -> int:
    """The shift, in px, that counts as small; none does in a picture of less than 14 px."""
    return min(_MOST_SHIFT, min(size) // 14)


class Turn(NamedTuple):
    """One of the eight symmetries of the square: axes are swapped first, then turned over."""

    swapped: bool
    upside_down: bool
    mirrored: bool

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """A view of ``pixels`` (h, w) or (h, w, c), turned."""
        if self.swapped:
            pixels = pixels.swapaxes(0, 1)
        return pixels[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


TURNS = tuple(Turn(*flags) for flags in product((False, True), repeat=3))
"""All eight; the first changes nothing."""


@dataclass(frozen=True)
class Likeness:
    """Compares pictures of ``size``, height and width in px, as squares of one side."""

    size: tuple[int, int]

    @cached_property
    def side(self) -> int:
        """Side of the squares in px."""
        return min(_LARGE, max(self.size))

    @cached_property
    def resized(self) -> bool:
        """Whether pictures are resized to squares; shifts are then no whole px."""
        return self.size != (self.side, self.side)

    @cached_property
    def reach(self) -> int:
        """Largest shift that is looked for in the squares, in px: a small one, or just above."""
        return ceil(small_shift(self.size) * self.side / min(self.size)) + self.resized

    @cached_property
    def bar(self) -> float:
        """Least score of one picture."""
        return 1 - (1 - _SAME) * min(1, self.side**2 / _ENOUGH)

    def are_one(self, first: _Picture, second: _Picture, turn: Turn) -> bool:
        """Whether (h, w, 3) uint8 RGB ``first`` and the turned ``second`` are one picture."""
        return self.score(first, second, turn) >= self.bar

    def score(self, first: _Picture, second: _Picture, turn: Turn) -> float:
        """Correlation, -1 to 1, of the textures of ``first`` and the turned ``second``."""
        one, other = self._square(first), np.ascontiguousarray(turn(self._square(second)))
        return _correlation(*_overlap(one, other, *self._shift(one, other)))

    def _square(self, picture: _Picture) -> _Grey:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if self.resized:
            shrinks = self.side**2 < grey.size
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            grey = cv2.resize(grey, (self.side, self.side), interpolation=method)
        return grey.astype(np.float32)

    def _shift(self, one: _Grey, other: _Grey) -> tuple[float, float]:
        """How far down and across, in px, ``other`` lies in ``one``, where it fits best."""
        inner = slice(self.reach, self.side - self.reach)
        fits = cv2.matchTemplate(one, other[inner, inner], cv2.TM_CCOEFF_NORMED)
        down, across = divmod(int(fits.argmax()), fits.shape[1])
        if not self.resized:
            return down - self.reach, across - self.reach
        return _peak(fits[:, across], down) - self.reach, _peak(fits[down], across) - self.reach


def _peak(values: NDArray[Any], at: int) -> float:
    """Where the parabola through the largest value, which is ``at``, and its neighbours peaks."""
    if not 0 < at < len(values) - 1:
        return at
    before, largest, after = map(float, values[at - 1 : at + 2])
    bend = before - 2 * largest + after
    return at + (before - after) / (2 * bend) if bend < 0 else at


def _overlap(one: _Grey, other: _Grey, down: float, across: float) -> tuple[_Grey, _Grey]:
    """The parts of two squares that show the same, if ``other`` lies so far down and across.

    Each gives way by half. What may have come in at an edge, such as black, is left out.
    """
    side = len(one)
    size = (side - 2 * ceil(abs(across)), side - 2 * ceil(abs(down)))
    middle = (side - 1) / 2
    return (
        cv2.getRectSubPix(one, size, (middle + across / 2, middle + down / 2)),
        cv2.getRectSubPix(other, size, (middle - across / 2, middle - down / 2)),
    )


def _correlation(one: _Grey, other: _Grey) -> float:
    """Of the textures of two pictures of one size; 0 where either has none."""
    both = cv2.merge((one, other))  # two channels: each blur is one call
    fine, coarse = (cv2.GaussianBlur(both, (0, 0), deviation) for deviation in (_FINE, _COARSE))
    a, b = cv2.split(fine - coarse)
    energies = float(np.vdot(a, a)), float(np.vdot(b, b))
    if min(energies) < a.size * _NOTHING**2:
        return 0.0
    return float(np.vdot(a, b)) / sqrt(energies[0] * energies[1])
