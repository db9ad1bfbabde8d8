"""Rank correlations of two scores over a study's trials, with intervals by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.seeds import generator

__all__ = [
    "LEAST_TRIALS",
    "Correlation",
    "Floats",
    "kendall",
    "resampled_kendall",
    "resampled_spearman",
    "spearman",
]

LEAST_TRIALS = 3
"""Any two trials of different scores agree or disagree perfectly."""

_RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """A rank correlation, -1 to 1, with its 95 % interval.

    The interval holds the middle 95 % over resamples of the trials (the percentile bootstrap, Efron
    1979); resamples in which a score is constant are left out. It is too narrow for fewer than
    about 8 trials, and perfect agreement gives one of no width.
    """

    value: float
    interval: tuple[float, float]


def spearman(x: Floats, y: Floats) -> Correlation | None:
    """Return Spearman's rho of two scores of the same trials, (n,) each.

    None where it is not defined: there are fewer than 3 trials, a score is the same for all of
    them, or one is NaN.
    """
    from scipy.stats import spearmanr  # a second to import, which no other command should wait

    if not (_ranks(x) and _ranks(y)):
        return None
    return _with_interval(float(spearmanr(x, y).statistic), x, y, resampled_spearman)


def kendall(x: Floats, y: Floats) -> Correlation | None:
    """Return Kendall's tau-b of two scores of the same trials, (n,) each; None as ``spearman``."""
    from scipy.stats import kendalltau  # see above

    if not (_ranks(x) and _ranks(y)):
        return None
    return _with_interval(float(kendalltau(x, y).statistic), x, y, resampled_kendall)


def _with_interval(
    value: float, x: Floats, y: Floats, resampled: Callable[[Floats, Floats, Floats], Floats]
) -> Correlation:
    low, high = np.nanpercentile(resampled(x, y, _resamples(len(x))), _PERCENTILES).tolist()
    return Correlation(value, (low, high))


def _ranks(scores: Floats) -> bool:
    """Whether scores rank enough trials at all; NaN, a metric that was not defined, does not."""
    return len(scores) >= LEAST_TRIALS and bool(np.ptp(scores) > 0)


@lru_cache(maxsize=2)  # of all trials, and of the top
def _resamples(n: int) -> Floats:
    """(resamples, n): how often each trial is drawn, with replacement; not to be written to."""
    counts = generator(0, "validity").multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    return counts.astype(np.float64)


def resampled_spearman(x: Floats, y: Floats, counts: Floats) -> Floats:
    """Spearman's rho in each resample, given by ``counts`` (b, n); NaN where it is not defined.

    Twice the rank of a trial less the mean rank, ties shared, is the number of trials below it
    less the number above it.
    """
    rank_x, rank_y = (counts @ _signs(scores).T for scores in (x, y))
    products = (rank_x * rank_y, rank_x * rank_x, rank_y * rank_y)
    return _cosine(*((counts * product).sum(axis=1) for product in products))


def resampled_kendall(x: Floats, y: Floats, counts: Floats) -> Floats:
    """Kendall's tau-b in each resample, given by ``counts`` (b, n); NaN where it is not defined.

    It is to the signs of all differences what a correlation is to values.
    """
    sign_x, sign_y = _signs(x), _signs(y)
    products = (sign_x * sign_y, sign_x * sign_x, sign_y * sign_y)
    return _cosine(*(((counts @ product) * counts).sum(axis=1) for product in products))


def _signs(scores: Floats) -> Floats:
    """(n, n): 1 where the row's score is above the column's, -1 below, 0 for equal ones."""
    return np.sign(scores[:, None] - scores)


def _cosine(both: Floats, x: Floats, y: Floats) -> Floats:
    """Correlations from sums of products and of squares, which are exact: they are of integers."""
    undefined = np.full(both.shape, np.nan)
    length = np.sqrt(x * y)
    ratio: Floats = np.divide(both, length, out=undefined, where=length > 0)
    return ratio.clip(-1.0, 1.0)
