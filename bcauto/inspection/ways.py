"""Copies found by several ways, from equal pixels to features, and what each finds.

Where copies are equal in every byte, each way finds them. Where they were changed, such as by
compression, equal pixels find none of them, and the other ways differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bcauto.data.cleaning import MANY_COPIES
from bcauto.data.labelled import Images
from bcauto.data.near_duplicates.join import joined_groups
from bcauto.inspection.collection import Indices
from bcauto.inspection.copies import Copies, Group, groups_of
from bcauto.inspection.features import Features
from bcauto.inspection.layout import Layout

__all__ = ["MOST_COMPARED", "Agreement", "Way", "find_by_ways"]

Floats = NDArray[Any]

MOST_COMPARED = 20_000
"""Pictures up to which all pairs are compared."""

_BITS = 4  # of 64 that two perceptual hashes may differ by
_COSINE = 0.9
_APART = 2.0  # Mahalanobis distance of two copies; different blood cells are some 8 apart
_ROUNDING = 1e-9  # a variance below it is none
_SPOT = 0.05  # of the median distance to the nearest point of the map
_BLOCK = 512  # pictures that are compared with all others at a time
_SIDE = 32  # px, at which pictures are compared by their pixels


@dataclass(frozen=True)
class Agreement:
    """How many pictures a way takes for copies, and how many of them are exact ones.

    Attributes:
        crowded: pictures in groups as large as an intruder's.
        intruders: of them, exact copies of intruders.
        spare: pictures in smaller groups, but for one of each.
        duplicates: of them, exact duplicates.
    """

    crowded: int
    intruders: int
    spare: int
    duplicates: int


@dataclass(frozen=True)
class Way:
    """What a way takes for copies of one another.

    Attributes:
        name: of the way.
        rule: when two pictures are copies by it, in words.
        groups: the numbers of pictures that are linked by the rule.
        seconds: what it took, without the features and the map.
    """

    name: str
    rule: str
    groups: tuple[Group, ...]
    seconds: float

    def beside(self, copies: Copies) -> Agreement:
        """Return what it has in common with what equal pixels say."""
        crowded = {number for group in self.crowds for number in group}
        spare = {number for group in self.pairs for number in group[1:]}
        intruders = {*np.flatnonzero(copies.intruding).tolist()}
        return Agreement(
            len(crowded),
            len(crowded & intruders),
            len(spare),
            len(spare & {*copies.spare.tolist()}),
        )

    @property
    def crowds(self) -> tuple[Group, ...]:
        """The groups that are as large as an intruder's."""
        return tuple(group for group in self.groups if len(group) >= MANY_COPIES)

    @property
    def pairs(self) -> tuple[Group, ...]:
        """The smaller groups: duplicates."""
        return tuple(group for group in self.groups if len(group) < MANY_COPIES)


def find_by_ways(
    images: Images, exact: Indices, features: Features, components: Floats, layout: Layout
) -> tuple[Way, ...]:
    """Return what each way takes for copies; of too many pictures, only by equal pixels.

    Args:
        images: (n, h, w, 3) uint8.
        exact: (n,) the same number for pictures whose pixels are all equal.
        features: (n, d), standardised.
        components: (n, c) principal components.
        layout: the map.
    """
    ways: list[tuple[str, str, Callable[[], Indices]]] = [
        ("hash", "all pixels are equal", lambda: exact),
        (
            "perceptual hash",
            f"at most {_BITS} of 64 bits of the low frequencies differ",
            lambda: _by_hash(images),
        ),
        (
            "feature similarity",
            f"the cosine of their features is {_COSINE} or more",
            lambda: _by_cosine(features),
        ),
        (
            "PCA and Mahalanobis",
            f"they are at most {_APART:g} apart by Mahalanobis distance",
            lambda: _by_mahalanobis(components),
        ),
        ("t-SNE", "they lie on one spot of the map", lambda: _by_map(layout, len(images))),
        (
            "distance from the mean",
            "their pixels are equally far from the mean picture",
            lambda: _by_distance_from_mean(images),
        ),
    ]
    found = []
    for name, rule, place in ways if len(images) <= MOST_COMPARED else ways[:1]:
        began = time.perf_counter()
        with threadpool_limits(1, "blas"):
            groups = groups_of(place())
        groups.sort(key=len, reverse=True)
        found.append(Way(name, rule, tuple(groups), time.perf_counter() - began))
    return tuple(found)


def _by_hash(images: Images) -> Indices:
    """Return groups by pHash: signs of the low frequencies of a cosine transform of luma."""
    hashes = np.array([_perceptual_hash(image) for image in images])
    return _joined(len(hashes), lambda rows: np.bitwise_count(hashes[rows, None] ^ hashes) <= _BITS)


def _perceptual_hash(image: NDArray[np.uint8]) -> np.uint64:
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    bits: np.uint64 = np.packbits(low > np.median(low)).view(np.uint64)[0]
    return bits


def _by_cosine(features: Features) -> Indices:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    return _joined(len(unit), lambda rows: unit[rows] @ unit.T >= _COSINE)


def _by_mahalanobis(components: Floats) -> Indices:
    from sklearn.covariance import LedoitWolf

    values, vectors = np.linalg.eigh(LedoitWolf().fit(components).covariance_)
    scales = np.sqrt(np.maximum(values, _ROUNDING))
    whitened = (components @ vectors / scales).astype(np.float32)
    squares = (whitened**2).sum(axis=1)

    def close(rows: slice) -> NDArray[np.bool_]:
        apart = squares[rows, None] + squares - 2 * whitened[rows] @ whitened.T
        found: NDArray[np.bool_] = apart <= _APART**2
        return found

    return _joined(len(whitened), close)


def _by_map(layout: Layout, count: int) -> Indices:
    from sklearn.neighbors import NearestNeighbors

    place = np.arange(count)
    if len(layout.tsne) < 2:
        return place
    near = NearestNeighbors(n_neighbors=2).fit(layout.tsne)
    spot = _SPOT * float(np.median(near.kneighbors()[0][:, 0]))
    links = near.radius_neighbors_graph(layout.tsne, spot).tocoo()
    ends = np.stack([layout.shown[links.row], layout.shown[links.col]], axis=1)
    return joined_groups(place, ends)


def _by_distance_from_mean(images: Images) -> Indices:
    small = [cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for image in images]
    pixels = np.stack(small).reshape(len(images), -1).astype(np.float64)
    distances = np.linalg.norm(pixels - pixels.mean(axis=0), axis=1)
    place: Indices = np.unique(distances, return_inverse=True)[1]
    return place


def _joined(count: int, close: Callable[[slice], NDArray[np.bool_]]) -> Indices:
    """Return groups that ``close`` links; it compares some pictures with all, (rows, n)."""
    place = np.arange(count)
    for ends in _links(count, close):
        place = joined_groups(place, ends)
    return place


def _links(count: int, close: Callable[[slice], NDArray[np.bool_]]) -> Iterator[NDArray[np.intp]]:
    for first in range(0, count, _BLOCK):
        one, other = np.nonzero(close(slice(first, first + _BLOCK)))
        later = one + first < other
        yield np.stack([one[later] + first, other[later]], axis=1)
