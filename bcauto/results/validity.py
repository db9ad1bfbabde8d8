"""What the proxy is worth to a study: whether its scores rank trials as unseen corruptions do.

The held-out score, the mean over the families that no trial was chosen by, stands in for the hidden
test set. Every score is compared with it over the COMPLETE trials: by rank correlations, and by
what is lost where the score chooses the trial. All scores come from the same validation images, so
a part of what they have in common is those images' luck.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.results.trials import CompletedTrial
from bcauto.seeds import generator

__all__ = ["Choice", "Correlation", "Validity", "Worth", "comparable", "proxy_validity"]

_TOP = 10  # trials
_LEAST = 3  # trials; any two of different scores agree or disagree perfectly
_RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)

_Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """A rank correlation, -1 to 1, with its 95 % interval.

    The interval holds the middle 95 % over resamples of the trials (the percentile bootstrap, Efron
    1979); resamples in which a score is constant are left out. It is too narrow for fewer than
    about 8 trials, and perfect agreement gives one of no width.
    """

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Choice:
    """The trial that is best by a score, of equals the earliest.

    Attributes:
        trial: its number.
        held_out: its held-out score, 0..1.
        regret: by how much that is below the best held-out score of any trial.
    """

    trial: int
    held_out: float
    regret: float


@dataclass(frozen=True)
class Worth:
    """How a score ranks trials beside the held-out score.

    A correlation is None where it is not defined: there are fewer than 3 trials, or one of the two
    scores is the same for all of them.

    Attributes:
        rho: Spearman's, of all trials.
        tau: Kendall's tau-b, of all trials.
        top_10: Spearman's, of the 10 trials that are best by the objective, of equals the earlier
            ones, whatever the score; None where there are fewer than 10. These ten are resampled.
        choice: what the score alone would choose; None where there are fewer than 3 trials.
    """

    rho: Correlation | None = None
    tau: Correlation | None = None
    top_10: Correlation | None = None
    choice: Choice | None = None


@dataclass(frozen=True)
class Validity:
    """What a study knows of its proxy.

    Attributes:
        trials: how many are compared: those that have a held-out score.
        best: the trial that is best by the held-out score itself.
        objective: worth of the objective.
        clean_accuracy: worth of the accuracy on clean images.
        families: worth of each family that was searched on.
    """

    trials: int
    best: Choice | None
    objective: Worth
    clean_accuracy: Worth
    families: dict[str, Worth]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, as ``bcauto proxy --json`` prints them."""
        return asdict(self)


def comparable(trials: Sequence[CompletedTrial]) -> list[CompletedTrial]:
    """The trials that have a held-out score, by number; none where no family is held out."""
    by_number = sorted(trials, key=lambda trial: trial.number)
    return [trial for trial in by_number if trial.held_out is not None and isfinite(trial.held_out)]


def proxy_validity(trials: Sequence[CompletedTrial]) -> Validity:
    """The worth of a study's scores over its COMPLETE trials, in any order.

    Trials without a held-out score are left out; from fewer than 3 nothing is concluded.
    """
    compared = comparable(trials)
    ours = _Trials(
        np.array([trial.number for trial in compared]),
        np.array([trial.held_out for trial in compared]),
        np.array([trial.objective for trial in compared]),
    )
    clean = np.array([trial.clean_accuracy for trial in compared])
    families = compared[0].scores.families if compared else {}
    return Validity(
        trials=len(compared),
        best=_choice(ours.held_out, ours),
        objective=_worth(ours.objective, ours),
        clean_accuracy=_worth(clean, ours),
        families={
            name: _worth(np.array([trial.scores.families[name] for trial in compared]), ours)
            for name in families
        },
    )


@dataclass(frozen=True)
class _Trials:
    """What every score is compared with, by number: (n,) each."""

    number: NDArray[np.int64]
    held_out: _Floats
    objective: _Floats

    @property
    def top(self) -> NDArray[np.int64]:
        """Places of the trials that are best by the objective; none where there are too few."""
        enough = len(self.number) >= _TOP
        return np.sort(np.argsort(-self.objective, kind="stable")[: _TOP if enough else 0])


def _worth(scores: _Floats, trials: _Trials) -> Worth:
    held_out, top = trials.held_out, trials.top
    return Worth(
        rho=_correlation(scores, held_out, _spearman, _resampled_spearman),
        tau=_correlation(scores, held_out, _kendall, _resampled_kendall),
        top_10=_correlation(scores[top], held_out[top], _spearman, _resampled_spearman),
        choice=_choice(scores, trials),
    )


def _choice(scores: _Floats, trials: _Trials) -> Choice | None:
    if len(scores) < _LEAST or not np.isfinite(scores).all():
        return None
    place = int(scores.argmax())
    held = float(trials.held_out[place])
    return Choice(int(trials.number[place]), held, float(trials.held_out.max()) - held)


def _correlation(
    x: _Floats,
    y: _Floats,
    value: Callable[[_Floats, _Floats], float],
    resampled: Callable[[_Floats, _Floats, _Floats], _Floats],
) -> Correlation | None:
    if not (_ranks(x) and _ranks(y)):
        return None
    low, high = np.nanpercentile(resampled(x, y, _resamples(len(x))), _PERCENTILES).tolist()
    return Correlation(value(x, y), (low, high))


def _spearman(x: _Floats, y: _Floats) -> float:
    from scipy.stats import spearmanr  # a second to import, which no other command should wait

    return float(spearmanr(x, y).statistic)


def _kendall(x: _Floats, y: _Floats) -> float:
    from scipy.stats import kendalltau  # see above

    return float(kendalltau(x, y).statistic)


def _ranks(scores: _Floats) -> bool:
    """Whether scores rank enough trials at all; NaN, a metric that was not defined, does not."""
    return len(scores) >= _LEAST and bool(np.ptp(scores) > 0)


@lru_cache(maxsize=2)  # of all trials, and of the top
def _resamples(n: int) -> _Floats:
    """(resamples, n): how often each trial is drawn, with replacement; not to be written to."""
    counts = generator(0, "validity").multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    return counts.astype(np.float64)


def _resampled_spearman(x: _Floats, y: _Floats, counts: _Floats) -> _Floats:
    """Spearman's rho in each resample, given by ``counts`` (b, n); NaN where it is not defined.

    Twice the rank of a trial less the mean rank, ties shared, is the number of trials below it
    less the number above it.
    """
    rank_x, rank_y = (counts @ _signs(scores).T for scores in (x, y))
    products = (rank_x * rank_y, rank_x * rank_x, rank_y * rank_y)
    return _cosine(*((counts * product).sum(axis=1) for product in products))


def _resampled_kendall(x: _Floats, y: _Floats, counts: _Floats) -> _Floats:
    """Kendall's tau-b in each resample, given by ``counts`` (b, n); NaN where it is not defined.

    It is to the signs of all differences what a correlation is to values.
    """
    sign_x, sign_y = _signs(x), _signs(y)
    products = (sign_x * sign_y, sign_x * sign_x, sign_y * sign_y)
    return _cosine(*(((counts @ product) * counts).sum(axis=1) for product in products))


def _signs(scores: _Floats) -> _Floats:
    """(n, n): 1 where the row's score is above the column's, -1 below, 0 for equal ones."""
    return np.sign(scores[:, None] - scores)


def _cosine(both: _Floats, x: _Floats, y: _Floats) -> _Floats:
    """Correlations from sums of products and of squares, which are exact: they are of integers."""
    undefined = np.full(both.shape, np.nan)
    length = np.sqrt(x * y)
    ratio: _Floats = np.divide(both, length, out=undefined, where=length > 0)
    return ratio.clip(-1.0, 1.0)
