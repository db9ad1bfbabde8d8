"""Pictures that are there several times: intruders, exact duplicates, near duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bcauto.data.cleaning import content_digests, find_intruders
from bcauto.data.near_duplicates.join import joined_groups
from bcauto.data.near_duplicates.pairs import NearDuplicates
from bcauto.inspection.collection import Collection, Indices
from bcauto.seeds import generator

__all__ = ["Copies", "NearCopies", "find_copies", "find_near_copies", "groups_of"]

Group = tuple[int, ...]
"""Numbers of pictures that are copies of one another, in rising order."""

_MOST_PAIRS = 100_000_000  # that are compared: all of 10,000 pictures, a minute or two


@dataclass(frozen=True, eq=False)
class Copies:
    """Pictures whose pixels are all equal.

    Attributes:
        distinct: (m,) the first picture of each content, in rising order.
        place: (n,) where in ``distinct`` each picture's content is.
        intruders: contents that belong to no class, by the rule of ``bcauto.data.cleaning``; the
            one with the most copies first.
        duplicates: other contents that are there more than once.
    """

    distinct: Indices
    place: Indices
    intruders: tuple[Group, ...]
    duplicates: tuple[Group, ...]

    @property
    def intruding(self) -> NDArray[np.bool_]:
        """Whether each picture (n,) is a copy of an intruder."""
        found = np.zeros(len(self.place), bool)
        found[[number for group in self.intruders for number in group]] = True
        return found

    @property
    def spare(self) -> Indices:
        """The duplicates but for one of each content, in rising order."""
        spare = [number for group in self.duplicates for number in group[1:]]
        return np.array(sorted(spare), np.intp)

    @property
    def genuine(self) -> Indices:
        """The distinct pictures that are no intruders."""
        return self.distinct[~self.intruding[self.distinct]]


@dataclass(frozen=True)
class NearCopies:
    """Groups of distinct pictures that are nearly the same; the largest group first.

    Attributes:
        groups: the numbers of their pictures.
        compared: how many of the pictures were compared with all others.
    """

    groups: tuple[Group, ...]
    compared: int


def find_copies(collection: Collection) -> Copies:
    """Return which pictures are equal in every pixel."""
    digests = content_digests(collection.images)
    first: dict[bytes, int] = {}
    for number, digest in enumerate(digests):
        first.setdefault(digest, number)
    distinct = np.array(sorted(first.values()), np.intp)
    place = np.searchsorted(distinct, [first[digest] for digest in digests])
    intruding = {first[each] for each in find_intruders(digests, collection.labels.tolist())}
    groups = groups_of(place)
    intruders = [group for group in groups if group[0] in intruding]
    duplicates = [group for group in groups if group[0] not in intruding]
    intruders.sort(key=len, reverse=True)
    return Copies(distinct, place, tuple(intruders), tuple(duplicates))


def groups_of(place: Indices) -> list[Group]:
    """Return the groups of two or more that have the same value in ``place`` (n,)."""
    order = np.argsort(place, kind="stable")
    ends = np.flatnonzero(np.diff(place[order])) + 1
    return [tuple(group.tolist()) for group in np.split(order, ends) if len(group) > 1]


def find_near_copies(collection: Collection, among: Indices, seed: int) -> NearCopies:
    """Return which pictures are nearly the same; see ``bcauto.data.near_duplicates``.

    Args:
        collection: the pictures.
        among: the numbers of those that are looked at, no two of them equal.
        seed: chooses which are compared with all, where there are too many to compare every pair.
    """
    if not len(among):
        return NearCopies((), 0)
    images = collection.images[among]
    compared = np.arange(len(among))
    if len(among) ** 2 > _MOST_PAIRS:
        count = max(1, _MOST_PAIRS // len(among))
        compared = np.sort(generator(seed, "near copies").permutation(len(among))[:count])
    pairs = NearDuplicates(images).of(images[compared], compared)
    linked = [(one, int(compared[other])) for one, other in pairs]
    groups = _numbered(joined_groups(np.arange(len(among)), linked), among)
    return NearCopies(tuple(sorted(groups, key=len, reverse=True)), len(compared))


def _numbered(place: Indices, among: Indices) -> Sequence[Group]:
    return [tuple(among[[*group]].tolist()) for group in groups_of(place)]
