"""A seeded split that keeps the classes' proportions and never separates equal images."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Labels
from bcauto.errors import BadInput
from bcauto.seeds import generator

__all__ = ["VALIDATION_FRACTION", "nearest_to_fraction", "stratified_split"]

VALIDATION_FRACTION = 0.1
"""The part of a data set that trials are scored on, where it has no validation set of its own."""

Indices = NDArray[np.intp]


def stratified_split(
    labels: Labels, groups: Sequence[Hashable], fraction: float, seed: int
) -> tuple[Indices, Indices]:
    """Return the indices of the images to train on and to validate on, each in rising order.

    Each class gives ``fraction`` of its images to validation, rounded to whole groups, and at
    least one group to either side. What is sampled of a class depends on the seed and that class
    alone.

    Args:
        labels: (n,) integers.
        groups: n values; images of equal value (such as equal content digests) stay together.
        fraction: the part of each class that goes to validation, between 0 and 1 (exclusive).
        seed: the study's seed.

    Raises:
        BadInput: the fraction is out of range, a group has several labels, or a class has only one
            group and so cannot be on both sides.
    """
    if not 0 < fraction < 1:
        raise BadInput(f"validation fraction must be between 0 and 1, got {fraction}")
    by_label = _by_label(labels, _members(labels, groups))
    sampled = [
        _sampled(of_class, fraction, generator(seed, "split", label))
        for label, of_class in sorted(by_label.items())
    ]
    in_val = np.zeros(len(labels), bool)
    in_val[np.concatenate(sampled)] = True
    return np.flatnonzero(~in_val), np.flatnonzero(in_val)


def nearest_to_fraction(
    labels: Labels, groups: Sequence[Indices], fraction: float, rng: np.random.Generator
) -> list[int]:
    """Return which groups come closest to a fraction of each class, taken whole in random order.

    A group is taken if it brings the classes together closer to the fraction, and leaves some of
    each class. Then every class of which nothing was taken gets its smallest group.

    Args:
        labels: (n,) integers.
        groups: indices of images; no image is in two. A group may have several labels.
        fraction: the part of each class that is wanted, between 0 and 1 (exclusive).
        rng: decides the order.

    Returns:
        Indices of groups. Of a class none is taken where each of its groups would leave none of
        some class.
    """
    total = np.bincount(labels)
    counts = [np.bincount(labels[group], minlength=total.size) for group in groups]
    wanted, taken = fraction * total, np.zeros_like(total)

    def leaves_some(after: NDArray[np.intp]) -> bool:
        return bool((after < total)[total > 0].all())

    def distance(after: NDArray[np.intp]) -> tuple[float, float]:
        return np.abs(after - wanted).sum(), abs(after.sum() - wanted.sum())

    chosen: list[int] = []
    for at in rng.permutation(len(groups)).tolist():
        after = taken + counts[at]
        if distance(after) < distance(taken) and leaves_some(after):
            chosen.append(at)
            taken = after
    for label in np.flatnonzero(total):
        if taken[label]:
            continue
        possible = [
            at for at, count in enumerate(counts) if count[label] and leaves_some(taken + count)
        ]
        if possible:
            chosen.append(min(possible, key=lambda at: int(counts[at].sum())))
            taken = taken + counts[chosen[-1]]
    return chosen


def _members(labels: Labels, groups: Sequence[Hashable]) -> list[list[int]]:
    """Return the indices of each group, in the order in which the groups first occur."""
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    for indices in members.values():
        found = np.unique(labels[indices])
        if found.size > 1:
            raise BadInput(f"equal images must have one label, got labels {found.tolist()}")
    return list(members.values())


def _by_label(labels: Labels, members: list[list[int]]) -> dict[int, list[list[int]]]:
    """Return the groups of each class, of which there must be two."""
    by_label: dict[int, list[list[int]]] = {}
    for indices in members:
        by_label.setdefault(int(labels[indices[0]]), []).append(indices)
    for label, of_class in by_label.items():
        if len(of_class) < 2:
            raise BadInput(f"a class needs two different images to be split, class {label} has one")
    return by_label


def _sampled(groups: list[list[int]], fraction: float, rng: np.random.Generator) -> list[int]:
    """Return the images of random groups, so many that they come closest to the fraction."""
    order = rng.permutation(len(groups))
    sizes = np.cumsum([len(groups[at]) for at in order])
    closest = int(np.abs(sizes - fraction * sizes[-1]).argmin()) + 1
    count = min(closest, len(groups) - 1)
    return [index for at in order[:count] for index in groups[at]]
