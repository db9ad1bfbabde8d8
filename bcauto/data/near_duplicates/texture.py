"""Compares two pictures by their texture, which tells whether they are the same picture.

Texture is the difference between a fine and a coarse blur. What is finer is noise and compression;
what is coarser is common to all pictures of one kind of thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import ceil, sqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.near_duplicates.pose import Pose, Turn

__all__ = ["TextureMatcher", "busy", "small_shift"]

_Picture = NDArray[np.uint8]
_Grey = NDArray[Any]  # (h, w) float32, grey levels

_SAME = 0.92
"""Smallest correlation of textures from which two pictures are the same. Different blood cells of
96 px reach 0.82, painted ones 0.67; copies with a little compression, blur, noise or shift stay
above 0.94."""

_ENOUGH_PIXELS = 1300
"""Pixels from which ``_SAME`` holds. Smaller pictures say less and must agree more: different cells
of 28 px reach 0.943, their copies stay above 0.954."""

_SPREAD = 0.3
"""Share of the pixels that textures are spread over, from which a picture counts as whole. Those of
blood cells are spread over 0.3 to 0.6. In a simple drawing, a few edges make all of the texture;
it counts as a smaller picture, which must agree more."""

_EVEN = 2.0  # grey levels: where neighbours differ by no more, a drawing has nothing to compare
_HOPELESS, _HOPELESS_LARGE = 0.8, 0.5
"""Correlations before the angle is mended below which it is not tried, for pictures of up to 32 px
and larger ones: of copies of 28 px that are found, hardly one starts below 0.82, and three in four
other pairs do. A degree more or less counts more in larger pictures."""

_NEARLY_UPRIGHT = 12.0  # degrees off a quarter turn: the texture may still fit
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 6, 1e-3)  # at most, and least gain

_LARGEST_SIDE = 64  # px, at which pictures are compared
_FINE, _COARSE = 1.0, 2.0  # px, standard deviations of the two blurs
_ROUNDING = 0.01  # grey levels: a texture of a smaller standard deviation is rounding
_LARGEST_SHIFT = 2  # px


def small_shift(size: tuple[int, int]) -> int:
    """Return the largest shift, in px, that a copy may have; 0 for pictures of less than 14 px."""
    return min(_LARGEST_SHIFT, min(size) // 14)


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
        """Smallest score from which two pictures are the same, if they are no simple drawings."""
        return _threshold(self.side**2 / _ENOUGH_PIXELS)

    def are_same(self, first: _Picture, second: _Picture, pose: Pose) -> bool:
        """Return whether ``first`` and the moved ``second``, (h, w, 3) uint8 RGB, are the same."""
        if abs(pose.rest) <= _NEARLY_UPRIGHT:
            score, detail = self._compared(first, second, pose.turn)
            if score >= _threshold(sqrt(detail) * self.side**2 / _ENOUGH_PIXELS):
                return True
        score, pixels = self._compared_turned(first, second, pose)
        return score >= _threshold(pixels / _ENOUGH_PIXELS)

    def score(self, first: _Picture, second: _Picture, turn: Turn) -> float:
        """Return the correlation, -1 to 1, of the textures of ``first`` and turned ``second``."""
        return self._compared(first, second, turn)[0]

    def _compared(self, first: _Picture, second: _Picture, turn: Turn) -> tuple[float, float]:
        """Return the correlation of textures, and how much detail there is; see ``_detail``.

        A correlation below ``_SAME`` is too low for any detail, which is then 0.
        """
        one, other = self._square(first), np.ascontiguousarray(turn(self._square(second)))
        down, across = self._best_shift(one, other)
        one, other = _overlap(one, other, down, across)
        textures = _textures(one, other)
        score = _correlation(*textures)
        return score, _detail(*textures, one, other) if score >= _SAME else 0.0

    def _compared_turned(
        self, first: _Picture, second: _Picture, pose: Pose
    ) -> tuple[float, float]:
        """Return the correlation within a circle at the best angle near the pose's, and its detail.

        The best angle and shift come from Evangelidis and Psarakis, IEEE Transactions on Pattern
        Analysis and Machine Intelligence 30, 2008, as OpenCV has them. The detail is in pixels.
        """
        side = min(_LARGEST_SIDE, *self.size)
        one, other = (_rounded(_grey_square(_middle(each), side)) for each in (first, second))
        other = np.ascontiguousarray(pose.turn(other))
        a, b = _textures(one, other)
        circle = _circle(side, max(_LARGEST_SHIFT, side / 24))
        moves = _start(pose, side)
        hopeless = _HOPELESS if side <= 32 else _HOPELESS_LARGE
        if _correlation(*_moved(a, b, moves, circle)) < hopeless:
            return 0.0, 0.0
        try:
            found = cv2.findTransformECC(a, b, moves, cv2.MOTION_EUCLIDEAN, _STEPS, circle, 1)
        except cv2.error:  # it did not converge
            return 0.0, 0.0
        a, b = _moved(a, b, np.asarray(found[1], np.float32), circle)
        if a.size < circle.sum() / 2:
            return 0.0, 0.0
        score = _correlation(a, b)
        return score, _detail(a, b, one, other) * a.size if score >= _SAME else 0.0

    def _square(self, picture: _Picture) -> _Grey:
        return _grey_square(picture, self.side)

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


def _textures(one: _Grey, other: _Grey) -> tuple[_Grey, _Grey]:
    """Return the textures of two pictures of one size."""
    both = cv2.merge((one, other))  # two channels: each blur is one call
    fine, coarse = (cv2.GaussianBlur(both, (0, 0), deviation) for deviation in (_FINE, _COARSE))
    a, b = cv2.split(fine - coarse)
    return a, b


def _correlation(a: _Grey, b: _Grey) -> float:
    """Return the correlation of two textures; 0 where either has none."""
    energies = float(np.vdot(a, a)), float(np.vdot(b, b))
    if min(energies) < a.size * _ROUNDING**2:
        return 0.0
    return float(np.vdot(a, b)) / sqrt(energies[0] * energies[1])


def _detail(a: _Grey, b: _Grey, one: _Grey, other: _Grey) -> float:
    """Return how much detail two textures have, 0 to 1: 1 if it is everywhere, as in photographs.

    It is the share of pixels that are busy, and less where few of them have most of the
    texture's energy: that number is the participation ratio of statistical physics.
    """
    energy = a * a / max(float(np.vdot(a, a)), 1e-6) + b * b / max(float(np.vdot(b, b)), 1e-6)
    spread = float(energy.sum()) ** 2 / max(float(np.vdot(energy, energy)) * a.size, 1e-12)
    return min(1.0, spread / _SPREAD) * max(busy(one), busy(other))


def busy(picture: NDArray[Any]) -> float:
    """Return the share of pixels that differ from a neighbour."""
    ranges = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return float((ranges > _EVEN).mean())


def _moved(
    a: _Grey, b: _Grey, moves: NDArray[np.float32], circle: NDArray[np.uint8]
) -> tuple[_Grey, _Grey]:
    """Return the pixels of ``a`` and of the moved ``b`` in the circle, where both have some."""
    side = len(a)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(b, moves, (side, side), flags=flags)
    whole = cv2.warpAffine(_circle(side, 0), moves, (side, side), flags=flags)
    inside = (circle > 0) & (whole > 0)
    return a[inside], moved[inside]


def _threshold(size: float) -> float:
    """Return the smallest correlation of pictures of a size, 1 being enough, that are the same."""
    return 1 - (1 - _SAME) * min(1.0, size)


def _grey_square(picture: _Picture, side: int) -> _Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if grey.shape != (side, side):
        method = cv2.INTER_AREA if side**2 < grey.size else cv2.INTER_LINEAR
        grey = cv2.resize(grey, (side, side), interpolation=method)
    return grey.astype(np.float32)


def _middle(picture: _Picture) -> _Picture:
    """Return the largest square in the middle."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


@cache
def _circle(side: int, margin: float) -> NDArray[np.uint8]:
    """Return 1 inside the circle that is ``margin`` px smaller than a square, 0 outside."""
    down, across = np.indices((side, side)) - (side - 1) / 2
    circle: NDArray[np.uint8] = (np.hypot(down, across) <= side / 2 - margin).astype(np.uint8)
    return circle


def _rounded(square: _Grey) -> _Grey:
    """Return a square whose corners go on as the circle's edge: a turned copy's may be filled."""
    return cv2.remap(square, *_inwards(len(square)), cv2.INTER_LINEAR)


@cache
def _inwards(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return, across and down, the point on or in the circle that is nearest to each pixel."""
    middle = (side - 1) / 2
    down, across = np.indices((side, side)) - middle
    shrink = np.minimum(1, (middle - 1) / np.maximum(np.hypot(down, across), 1))
    return (middle + shrink * across).astype("f4"), (middle + shrink * down).astype("f4")


def _start(pose: Pose, side: int) -> NDArray[np.float32]:
    """Return where each pixel of the first picture is in the second after its quarter turns."""
    down, across = (part * side for part in pose.shift)
    across = -across if pose.mirrored else across
    for _ in range(pose.quarters % 4):
        down, across = -across, down
    angle, middle = np.deg2rad(pose.rest), (side - 1) / 2
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array(
        [
            [cosine, -sine, middle - cosine * middle + sine * middle + across],
            [sine, cosine, middle - sine * middle - cosine * middle + down],
        ],
        np.float32,
    )
