"""A seeded split by whole groups that keeps the classes' proportions.

scikit-learn's ``StratifiedGroupKFold`` deals groups out to ten folds of like size. Here there is
one part to fill, so that groups are taken in random order as long as they bring each class closer
to its share, and exchanged after that. This comes closer, and is quick where most groups are single
images.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Labels
from bcauto.errors import BadInput
from bcauto.seeds import generator

__all__ = ["VALIDATION_FRACTION", "validation_groups"]

VALIDATION_FRACTION = 0.1
"""The part of a data set that trials are scored on, where it has no validation set of its own."""

_MARGIN = 0.02  # by which the share may miss the fraction before classes give way to mend it
_MIXED_MARGIN = 0.08  # the same of a class, where groups have several labels and leave less choice
_MOST_EXCHANGES = 200
_MOST_TOGETHER = 2  # groups that are moved at once
_MOST_CELLS = 2e7  # numbers that are compared for one exchange; with more groups it is not needed
_LEAST_GAIN = 1e-9

Counts = NDArray[np.integer[Any]]
"""Images by class (k,), or by group and class (g, k)."""


def validation_groups(
    labels: Labels, groups: NDArray[np.integer[Any]], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Return which images validate, (n,): whole groups, as close to a fraction as they come.

    Each class gives ``fraction`` of its images, rounded to whole groups, and at least one group to
    either side. Where all images together would miss the fraction by more than 0.02, since many
    small classes are rounded the same way, some of them are rounded the other way. What is sampled
    depends on the seed alone.

    Args:
        labels: (n,) integers from 0.
        groups: (n,) whole numbers; images of equal number stay together. A group may have several
            labels.
        fraction: the part of each class that goes to validation, between 0 and 1 (exclusive).
        seed: the study's seed.

    Returns:
        True for an image that validates. Of a class all or none may be True where its groups leave
        no other way, as where it lies in one group.

    Raises:
        BadInput: the fraction is out of range.
    """
    if not 0 < fraction < 1:
        raise BadInput(f"validation fraction must be between 0 and 1, got {fraction}")
    _, first, of_image = np.unique(groups, return_index=True, return_inverse=True)
    counts = np.zeros((len(first), int(labels.max()) + 1), np.int32)
    np.add.at(counts, (of_image, labels), 1)
    order = np.argsort(_ranks(labels, seed)[first], kind="stable")
    random_first, rare_first = (_Choice(counts[order], fraction) for _ in range(2))
    random_first.take_in_order()
    random_first.take_of_each_class()
    random_first.exchange()
    best = random_first
    if random_first.mixed and any(random_first.misses):
        rare_first.take_of_each_class()
        rare_first.exchange()
        best = min(random_first, rare_first, key=lambda choice: choice.misses)
    chosen = np.zeros(len(first), bool)
    chosen[order] = best.chosen
    return chosen[of_image]


def _ranks(labels: Labels, seed: int) -> NDArray[np.float64]:
    """Return a random rank, 0 to 1, for each image among those of its class."""
    ranks = np.empty(len(labels))
    for label in np.unique(labels).tolist():
        members = np.flatnonzero(labels == label)
        order = generator(seed, "split", label).permutation(members.size)
        ranks[members[order]] = np.arange(members.size) / members.size
    return ranks


def _kinds(counts: Counts) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return one group of each kind, and which kind each is of: groups of one kind count alike."""
    weights = np.random.default_rng(0).random(counts.shape[1])  # whose sums are a row's key
    keys = np.round(counts @ weights, 6)
    _, one_of, of_group = np.unique(keys, return_index=True, return_inverse=True)
    return one_of, of_group


def _moves(of_groups: NDArray[np.intp], together: int) -> list[tuple[int, ...]]:
    """Return what may be moved of groups of these kinds: kinds one by one or in pairs, or none."""
    kinds, counts = np.unique(of_groups, return_counts=True)
    moves: list[tuple[int, ...]] = [(kind,) for kind in kinds.tolist()]
    if together == _MOST_TOGETHER:
        several: list[int] = np.repeat(kinds, np.minimum(counts, together)).tolist()
        moves += sorted({*combinations(several, together)})
    return [*moves, ()]


class _Choice:
    """Some of all groups, and how far they are from what is wanted of each class."""

    def __init__(self, counts: Counts, fraction: float) -> None:
        self.counts = counts
        self.sizes = counts.sum(axis=1)
        self.mixed = bool((counts > 0).sum(axis=1).max() > 1)
        self.total: Counts = counts.sum(axis=0)
        self.wanted = fraction * self.total
        self.largest: Counts = counts.max(axis=0)
        self.taken: Counts = np.zeros_like(self.total)
        self.chosen = np.zeros(len(counts), bool)

    @property
    def misses(self) -> tuple[int, float]:
        """How many classes are missing, and by how many images the shares miss their ranges."""
        missing = int(((self.taken == 0) & (self.total > 0)).sum())
        cost = float(self._cost(self.taken))
        return (missing, cost)

    def take_in_order(self) -> None:
        """Take each group that brings the classes together closer, and leaves some of each."""
        total, wanted, taken = (a.tolist() for a in (self.total, self.wanted, self.taken))
        sparse: list[list[tuple[int, int]]] = [[] for _ in self.counts]
        for group, label in zip(*(axis.tolist() for axis in np.nonzero(self.counts)), strict=True):
            sparse[group].append((label, int(self.counts[group, label])))
        for at, group in enumerate(sparse):
            closer = sum(
                abs(taken[label] + count - wanted[label]) - abs(taken[label] - wanted[label])
                for label, count in group
            )
            if closer < 0 and all(taken[label] + count < total[label] for label, count in group):
                self.chosen[at] = True
                for label, count in group:
                    taken[label] += count
        self.taken = np.array(taken, np.int64)

    def take_of_each_class(self) -> None:
        """Take the smallest group of every class of which nothing was taken."""
        for label in np.argsort(self.total, kind="stable"):
            if self.taken[label] or not self.total[label]:
                continue
            leaves_some = ((self.taken + self.counts < self.total) | (self.counts == 0)).all(axis=1)
            possible = np.flatnonzero(leaves_some & (self.counts[:, label] > 0))
            if possible.size:
                self._toggle(int(possible[self.sizes[possible].argmin()]))

    def exchange(self) -> None:
        """Add, give back or exchange groups, as long as a share misses its range by less then.

        Two groups at a time are tried where one is not enough.
        """
        one_of, of_group = _kinds(self.counts)
        kinds = self.counts[one_of].astype(np.int64)
        together = 1
        for _ in range(_MOST_EXCHANGES):
            there = _moves(of_group[~self.chosen], together)
            here = _moves(of_group[self.chosen], together)
            if len(there) * len(here) * kinds.shape[1] > _MOST_CELLS:
                return
            into, out = (
                np.array([kinds[list(m)].sum(axis=0) for m in moves]) for moves in (there, here)
            )
            best = self._best(into[:, None] - out[None])
            if best is None and together == _MOST_TOGETHER:
                return
            if best is None:
                together += 1
                continue
            for kind in there[best[0]]:
                self._toggle(int(np.flatnonzero((of_group == kind) & ~self.chosen)[0]))
            for kind in here[best[1]]:
                self._toggle(int(np.flatnonzero((of_group == kind) & self.chosen)[-1]))

    def _best(self, change: Counts) -> tuple[int, int] | None:
        """Return which of the changes (a, b, k) comes closest; None if none comes closer."""
        after = self.taken + change
        off, off_now = np.abs(after - self.wanted), np.abs(self.taken - self.wanted)
        margin = _MIXED_MARGIN if self.mixed else _MARGIN
        slack = np.maximum(
            np.maximum(1.0, margin * self.total), np.maximum(self.largest / 2, off_now)
        )
        legal = ((after > 0) | (self.taken == 0)) & ((after < self.total) | (self.total == 0))
        legal &= off <= slack
        cost = np.where(legal.all(axis=-1), self._cost(after), np.inf)
        best = np.unravel_index(int(cost.argmin()), cost.shape)
        better = cost[best] < self._cost(self.taken) - _LEAST_GAIN
        return (int(best[0]), int(best[1])) if better else None

    def _cost(self, taken: Any) -> Any:
        """Return by how many images (..., k) taken ones miss the range, the total above all."""
        total = np.abs((taken - self.wanted).sum(axis=-1)) - _MARGIN * self.total.sum()
        of_class = np.abs(taken - self.wanted) - np.maximum(0.5, _MARGIN * self.total)
        above_all = self.total.sum() * len(self.total)
        return np.maximum(total, 0) * above_all + np.maximum(of_class, 0).sum(axis=-1)

    def _toggle(self, group: int) -> None:
        self.chosen[group] ^= True
        self.taken = self.taken + (1 if self.chosen[group] else -1) * self.counts[group]
