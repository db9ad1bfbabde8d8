"""What the proxy is worth to a study: whether its scores rank trials as unseen corruptions do.

The held-out score, the mean over the families that no trial was chosen by, stands in for the hidden
test set. Every score is compared with it over the COMPLETE trials: by rank correlations, and by
what is lost where the score chooses the trial. All scores come from the same validation images, so
a part of what they have in common is those images' luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.results.rank_correlation import LEAST_TRIALS, Correlation, Floats, kendall, spearman
from bcauto.results.trials import CompletedTrial

__all__ = ["Choice", "Validity", "Worth", "comparable", "proxy_validity"]

_TOP = 10  # trials


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
    held_out: Floats
    objective: Floats

    @property
    def top(self) -> NDArray[np.int64]:
        """Places of the trials that are best by the objective; none where there are too few."""
        enough = len(self.number) >= _TOP
        return np.sort(np.argsort(-self.objective, kind="stable")[: _TOP if enough else 0])


def _worth(scores: Floats, trials: _Trials) -> Worth:
    held_out, top = trials.held_out, trials.top
    return Worth(
        rho=spearman(scores, held_out),
        tau=kendall(scores, held_out),
        top_10=spearman(scores[top], held_out[top]),
        choice=_choice(scores, trials),
    )


def _choice(scores: Floats, trials: _Trials) -> Choice | None:
    if len(scores) < LEAST_TRIALS or not np.isfinite(scores).all():
        return None
    place = int(scores.argmax())
    held = float(trials.held_out[place])
    return Choice(int(trials.number[place]), held, float(trials.held_out.max()) - held)
