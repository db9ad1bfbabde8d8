"""Which kept models to average, and over which views: chosen from their predictions alone.

What is proposed on one set of corrupted pictures is taken only if it also wins on another set,
whose corruptions were made anew. A model that is proposed and taken by the same pictures would be
taken for its luck.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bcauto.space.export import Views

__all__ = ["VIEWS_OF", "Chosen", "Combination", "Predictions", "Step", "choose", "legal_views"]

VIEWS_OF: Mapping[Views, int] = MappingProxyType({"none": 1, "mirror": 2, "mirrors": 4, "turns": 8})
"""How many views of a picture each word stands for; each has those of the words before it."""

MOST = 5
"""Models in an ensemble, at most."""

_ADDED = 20  # models that the greedy selection adds, at most, one that it has already counting too


@dataclass(frozen=True)
class Combination:
    """How often each of k models counts in the mean, and over which views.

    The first model alone without views is what is handed over otherwise.
    """

    counts: tuple[int, ...]
    views: Views = "none"

    @property
    def members(self) -> tuple[int, ...]:
        """The indices of the models that count."""
        return tuple(index for index, count in enumerate(self.counts) if count)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What k models predict for n pictures.

    Attributes:
        name: of the pictures.
        by_view: (views, k, n, classes) probabilities, the views in the order of ``each_view``.
        labels: (n,) the true classes.
        score: gives the score, in 0..1, of probabilities (n, classes).
    """

    name: str
    by_view: NDArray[np.floating]
    labels: NDArray[np.integer]
    score: Callable[[NDArray[np.floating]], float]

    def score_of(self, combination: Combination) -> float:
        """Return the score of a combination's mean."""
        return self.score(self._mean_of(combination))

    def noise_between(self, one: Combination, other: Combination) -> float:
        """Return the standard error of the difference in accuracy of two combinations.

        It is that of paired differences: pictures on which both are right, or both wrong, add
        nothing to it.
        """
        right = [self._mean_of(each).argmax(axis=-1) == self.labels for each in (one, other)]
        difference = right[0].astype(np.float64) - right[1]
        return float(difference.std(ddof=1) / sqrt(len(difference)))

    def _mean_of(self, combination: Combination) -> NDArray[np.floating]:
        seen = self.by_view[: VIEWS_OF[combination.views]].mean(axis=0)
        mean: NDArray[np.floating] = np.average(seen, axis=0, weights=combination.counts)
        return mean


@dataclass(frozen=True)
class Step:
    """A combination that was proposed in another's place.

    Attributes:
        what: "uniform", "greedy" or "views".
        proposed: the combination.
        proposed_score: on the pictures that proposed it.
        before, after: the scores without and with it, on the pictures that decided.
        noise: the standard error of their difference.
    """

    what: str
    proposed: Combination
    proposed_score: float
    before: float
    after: float
    noise: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether it won by more than one standard error, since it also costs more."""
        return self.after - self.before > self.noise


@dataclass(frozen=True)
class Chosen:
    """The combination to hand over, and how it was chosen.

    Attributes:
        combination: what was chosen.
        proposed_on: the name of the pictures that proposed.
        decided_on: the name of the pictures that decided. No score on them is a test.
        steps: what was proposed, in order.
    """

    combination: Combination
    proposed_on: str
    decided_on: str
    steps: tuple[Step, ...]


def legal_views(most: Views, image_size: tuple[int, int]) -> tuple[Views, ...]:
    """Return the views that may be chosen: up to ``most``, and no turns unless square."""
    up_to = [views for views, count in VIEWS_OF.items() if count <= VIEWS_OF[most]]
    square = image_size[0] == image_size[1]
    return tuple(views for views in up_to if square or views != "turns")


def choose(
    propose: Predictions, decide: Predictions, views: Sequence[Views], ensemble: bool
) -> Chosen:
    """Return the combination that wins on both sets of predictions.

    First the best mean of the first models, then what greedy selection finds (Caruana et al. 2004),
    then the best views of what there is by then. Of equals the simpler stays.

    Args:
        propose: of models in the order in which they are to be taken, the best first.
        decide: of the same models on other corruptions.
        views: that may be taken, "none" among them.
        ensemble: whether more than the first model may count.
    """
    models = propose.by_view.shape[1]
    best = Combination((1,) + (0,) * (models - 1))
    steps: list[Step] = []
    for what, proposals in _proposals(propose, views, ensemble):
        proposed = proposals(best)
        before, after = decide.score_of(best), decide.score_of(proposed)
        noise = decide.noise_between(best, proposed)
        step = Step(what, proposed, propose.score_of(proposed), before, after, noise)
        steps.append(step)
        best = proposed if step.taken else best
    return Chosen(best, propose.name, decide.name, tuple(steps))


Proposal = Callable[[Combination], Combination]


def _proposals(
    on: Predictions, views: Sequence[Views], ensemble: bool
) -> Iterator[tuple[str, Proposal]]:
    if ensemble and on.by_view.shape[1] > 1:
        yield "uniform", lambda _: best_uniform(on)
        yield "greedy", lambda _: greedy(on)
    if len(views) > 1:
        yield "views", lambda best: best_views(on, best, views)


def best_uniform(on: Predictions) -> Combination:
    """Return the best mean of the first 1, 2 .. ``MOST`` models."""
    models = on.by_view.shape[1]
    means = [
        Combination((1,) * size + (0,) * (models - size))
        for size in range(1, min(models, MOST) + 1)
    ]
    return max(means, key=on.score_of)  # the first of equals


def greedy(on: Predictions) -> Combination:
    """Return the best mean that adding one model after another comes to, each the best to add.

    A model may be added again, and so comes to weigh more. At most ``MOST`` different ones count.
    """
    models = on.by_view.shape[1]
    counts, found = np.zeros(models, np.int64), []
    for _ in range(_ADDED):
        full = np.count_nonzero(counts) == MOST
        ahead = [
            Combination(tuple((counts + one).tolist()))
            for one, count in zip(np.eye(models, dtype=np.int64), counts, strict=True)
            if count or not full
        ]
        found.append(max(ahead, key=on.score_of))
        counts = np.array(found[-1].counts)
    return max(found, key=on.score_of)


def best_views(on: Predictions, best: Combination, views: Sequence[Views]) -> Combination:
    """Return a combination over the views that suit it best."""
    return max((Combination(best.counts, each) for each in views), key=on.score_of)
