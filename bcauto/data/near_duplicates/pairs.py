"""Finds pictures that two sets share, even where one copy is slightly changed.

A picture that is trained on and scored on makes every score too good, even if its two copies differ
in every byte. Cleaning finds equal pictures; this finds the same picture after JPEG compression,
slight blur or noise, a small change of brightness or contrast, a shift by a pixel or two, resizing,
mirroring, or a turn by any angle.

There are three steps: all pairs are compared by the signatures of their circular harmonics; those
that are alike by the harmonics themselves, which gives the angle; and these by their texture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, product
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bcauto.data.labelled import Images
from bcauto.data.near_duplicates.harmonics import Harmonics, best_angles, small_squares
from bcauto.data.near_duplicates.pose import Pose
from bcauto.data.near_duplicates.texture import TextureMatcher, busy, small_shift
from bcauto.progress import tell

__all__ = ["NearDuplicates", "near_duplicates"]

_SIMILAR = 0.7
"""Correlation of signatures above which a pair is looked at. Copies of blood cells stay above it;
of pairs of different cells, one in a thousand does."""

_ALIKE, _ALIKE_UPRIGHT = 0.85, 0.7
"""Correlations of harmonics, at the best angle, above which a pair is a candidate: of pairs of
different cells, one in several thousands. Where the angle is nearly a multiple of 90 degrees, less
is enough."""

_ALIKE_DRAWINGS = 0.92
"""The same for pictures that are even for the most part, as silhouettes are."""

_DRAWING = 0.5  # share of pixels that differ from a neighbour, below which a picture is a drawing
_SAMPLED = 100  # pictures, to see whether they are drawings
_UPRIGHT = 9.0  # degrees

_FLAT = 1.0  # grey levels: a picture whose channels deviate by less shows one colour
_SAME_COLOUR = 2.0  # grey levels by which the mean colours of two flat pictures may differ
_BLOCK = 2**23  # correlations at a time: 32 MiB
_STEP = 0.027  # of the side: a shift by less is found without trying it


class _Candidate(NamedTuple):
    """Indices of two pictures, and how the second has to be turned to fit the first."""

    at: int
    query: int
    alike: float
    pose: Pose


def near_duplicates(train_images: Images, val_images: Images) -> list[tuple[int, int]]:
    """Return the pairs (train index, val index) that are the same picture, in rising order.

    Time grows with the number of pairs of pictures, memory with the number of pictures.

    Args:
        train_images: (n, h, w, 3) uint8 RGB.
        val_images: (m, h, w, 3) uint8 RGB. If h is not w, a copy turned by 90 degrees is found only
            if it was resized to h x w afterwards.

    """
    return NearDuplicates(train_images).of(val_images)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let OpenCV and BLAS work in one thread: in such small pieces more only cost."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(before)


class NearDuplicates:
    """Pictures among which near duplicates of others are looked for, maybe several times."""

    @_one_thread()
    def __init__(self, images: Images) -> None:
        """Take the harmonics of images (n, h, w, 3) uint8 RGB."""
        self.images = images
        self.matcher = TextureMatcher((images.shape[1], images.shape[2]))
        self._views = [_View(images)]
        if images.shape[1] != images.shape[2]:  # as a square they cannot turn by any angle
            self._views.append(_View(_middles(images)))
        self._flat, self._colours = _flat(images)

    @_one_thread()
    def of(
        self, others: Images, places: NDArray[np.integer[Any]] | None = None
    ) -> list[tuple[int, int]]:
        """Return the pairs (index, index of the other) that are the same picture, in rising order.

        Args:
            others: (m, h, w, 3) uint8 RGB, of the same size.
            places: (m,) their indices where they are some of the pictures themselves: then no
                picture is compared with itself, and no two of them twice.

        """
        after = np.full(len(self.images), len(others))
        if places is not None:
            after[places] = np.arange(len(others))
        found = {pair for pair in self._flat_pairs(others) if after[pair[0]] > pair[1]}
        views = zip(self._views, (others, _middles(others)), strict=False)
        for at, query, _, pose in chain.from_iterable(v.candidates(q, after) for v, q in views):
            tell(f"looking for near duplicates: {query / len(others):.0%}")
            if (at, query) in found:
                continue
            if self.matcher.are_same(self.images[at], others[query], pose):
                found.add((at, query))
        return sorted(found)

    def _flat_pairs(self, others: Images) -> Iterator[tuple[int, int]]:
        """Yield the indices of pictures that show nothing but the same colour."""
        for query, colour in zip(*_flat(others), strict=True):
            same = (np.abs(self._colours - colour) <= _SAME_COLOUR).all(axis=1)
            yield from ((index, query) for index in np.array(self._flat)[same].tolist())


class _View:
    """Harmonics of pictures as squares: of all of each, or of its middle."""

    def __init__(self, images: Images) -> None:
        side = min(images.shape[1:3])
        reach = small_shift((side, side)) / side
        steps = (0.0,) if reach <= _STEP else (-2 / 3 * reach, 0.0, 2 / 3 * reach)
        self.shifts = [*product(steps, repeat=2)]
        squares = small_squares(images)
        self.harmonics = Harmonics.of(squares, reach)
        self.spectra = self.harmonics.spectra(squares, (0.0, 0.0))
        self.signatures = self.harmonics.signatures(self.spectra)
        some = images[:: max(1, len(images) // _SAMPLED)]
        drawings = np.median([busy(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) for image in some])
        self.alike = (_ALIKE_DRAWINGS,) * 2 if drawings < _DRAWING else (_ALIKE, _ALIKE_UPRIGHT)

    def candidates(self, queries: Images, after: NDArray[np.integer[Any]]) -> Iterator[_Candidate]:
        """Yield the pairs that are alike, each once mirrored and once not, by rising query.

        A picture at an index is compared with the first ``after[index]`` queries only.
        """
        step = max(1, _BLOCK // len(self.spectra))
        for first in range(0, len(queries), step):
            best: dict[tuple[int, int, bool], _Candidate] = {}
            block = small_squares(queries[first : first + step])
            every = (self._alike(block, first, at, after) for at in self.shifts)
            for found in chain.from_iterable(every):
                key = (found.query, found.at, found.pose.mirrored)
                if key not in best or best[key].alike < found.alike:
                    best[key] = found
            yield from (best[key] for key in sorted(best))

    def _alike(
        self,
        queries: Images,
        first: int,
        shift: tuple[float, float],
        after: NDArray[np.integer[Any]],
    ) -> Iterator[_Candidate]:
        """Yield the pairs with any of a block of small queries at a shift, from the ``first``."""
        spectra = self.harmonics.spectra(queries, shift)
        similar = self.harmonics.signatures(spectra).similar(self.signatures) > _SIMILAR
        similar &= after > np.arange(first, first + len(queries))[:, None]
        for row in np.flatnonzero(similar.any(axis=1)).tolist():
            hits = np.flatnonzero(similar[row])
            others = self.spectra[hits]
            for mirrored in (False, True):
                angles, alike = best_angles(spectra[row], others, mirrored)
                upright = np.abs((angles + 45) % 90 - 45) <= _UPRIGHT
                enough = np.where(upright, self.alike[1], self.alike[0])
                for at in np.flatnonzero(alike > enough).tolist():
                    angle = 180 - float(angles[at]) if mirrored else -float(angles[at])
                    pose = Pose(mirrored, angle, shift)
                    yield _Candidate(int(hits[at]), first + row, float(alike[at]), pose)


def _flat(images: Images) -> tuple[list[int], NDArray[np.float64]]:
    """Return the indices of the flat pictures, and their mean colours (k, 3)."""
    moments = [cv2.meanStdDev(image) for image in images]
    flat = [index for index, (_, deviation) in enumerate(moments) if deviation.max() < _FLAT]
    return flat, np.array([moments[index][0].ravel() for index in flat]).reshape(-1, 3)


def _middles(images: Images) -> Images:
    """Return the largest squares in the middle of images (n, h, w, 3)."""
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]
