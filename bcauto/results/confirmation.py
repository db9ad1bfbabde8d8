"""Confirmation: the best trials trained again on fresh seeds, and the winner among them.

The best of many noisy scores is too good to be true. So the leaders of a search train again, in a
second study, and are scored on newly made corruptions. Those scores had no part in choosing the
leaders, and choose between few of them. They may train for longer there than the search trained.
Scores of different lengths are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean, variance
from typing import Literal

from optuna.trial import FrozenTrial

from bcauto.results.trials import CompletedTrial
from bcauto.space.space import Confirmation
from bcauto.study.attributes import read_attributes
from bcauto.study.folder import StudyFolder

__all__ = ["Confirmed", "confirm_time", "confirmed", "winner"]

_MARGIN = 1.25  # of the time that confirmation is expected to take
_NORMAL_95 = 1.96  # standard errors to either side of a 95 % interval


@dataclass(frozen=True)
class Confirmed:
    """A trial of the search and its repeats on fresh seeds, one or more.

    Attributes:
        candidate: the trial of the search.
        runs: its repeats, by number, on corruptions that the search did not see.
        score: the estimate of its objective, in 0..1; see ``confirmed``.
        seed_variance: variance of an objective from seed to seed; None where no trial has two
            repeats, so that it was not measured.
        seed_degrees: degrees of freedom of ``seed_variance``.
    """

    candidate: CompletedTrial
    runs: tuple[CompletedTrial, ...]
    score: float
    seed_variance: float | None
    seed_degrees: int

    @property
    def mean(self) -> float:
        """The mean objective of the repeats."""
        return _mean(self.runs)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the score, by Student's t, since few seeds estimate their variance.

        Where the seeds' variance was not measured, the interval is that of other images alone.
        """
        half = self._student_95() * self.standard_error
        return max(self.score - half, 0.0), min(self.score + half, 1.0)

    @property
    def standard_error(self) -> float:
        """Standard error of the score, from the validation images and from the seeds."""
        images = fmean(run.scores.standard_error**2 for run in self.runs)
        return sqrt(images + self._seed_error)

    @property
    def _seed_error(self) -> float:
        """The part of the squared standard error that comes from the seeds, as far as measured."""
        return (self.seed_variance or 0.0) / len(self.runs)

    def _student_95(self) -> float:
        """Student's t at 97.5 %, with the degrees of freedom of Welch and Satterthwaite.

        The images' part counts as known, since a bootstrap over hundreds of images gives it.
        """
        if not self._seed_error:
            return _NORMAL_95
        from scipy.special import stdtrit  # slow to import

        degrees = self.seed_degrees * (self.standard_error**2 / self._seed_error) ** 2
        return float(stdtrit(degrees, 0.975))

    @property
    def length(self) -> float:
        """The epochs of a repeat, as a multiple of the trial's."""
        return self.runs[0].length

    @property
    def optimism(self) -> float | None:
        """The search's objective less the score; None where the repeats trained for longer."""
        return self.candidate.objective - self.score if self.length == 1 else None

    @property
    def typical(self) -> CompletedTrial:
        """The repeat nearest to the mean, whose model stands for the recipe."""
        return self._most_typical(self.runs)

    def kept(self, folder: StudyFolder) -> CompletedTrial:
        """The repeat nearest to the mean among those whose model is still there, if any is.

        It is ``typical`` unless ``bcauto clean`` deleted that model before there were more repeats.
        """
        there = [run for run in self.runs if folder.confirm_model(run.number).exists()]
        return self._most_typical(there or self.runs)

    def _most_typical(self, runs: Sequence[CompletedTrial]) -> CompletedTrial:
        return min(runs, key=lambda run: (abs(run.objective - self.mean), run.number))


def confirmed(
    trials: Sequence[CompletedTrial], repeats: Sequence[CompletedTrial]
) -> list[Confirmed]:
    """Return those of a search's trials that were repeated, the best mean first.

    Where repeats have several lengths, the longest count.

    The best of a few noisy means is itself a little too good to be true. So the score of a trial is
    its mean, moved towards the mean of all candidates by the share of their differences that is
    noise (shrinkage, Efron & Morris 1975). Their order stays.
    """
    length = max((run.length for run in repeats), default=1.0)
    runs: dict[int, list[CompletedTrial]] = {}
    for run in repeats:
        if run.of_trial is not None and run.length == length:
            runs.setdefault(run.of_trial, []).append(run)
    repeated = [(trial, runs[trial.number]) for trial in trials if trial.number in runs]
    return _scored(repeated)


def _scored(repeated: Sequence[tuple[CompletedTrial, Sequence[CompletedTrial]]]) -> list[Confirmed]:
    """Each trial with its score: its mean, shrunk towards the mean of all."""
    means = [_mean(runs) for _, runs in repeated]
    seed_variance, degrees = _seed_variance(repeated)
    kept = 1.0
    if seed_variance is not None and len(means) > 1 and (spread := variance(means)) > 0:
        noise = fmean(seed_variance / len(runs) for _, runs in repeated)
        kept = max(0.0, 1.0 - noise / spread)
    middle = fmean(means) if means else 0.0
    scored = [
        Confirmed(
            candidate=trial,
            runs=tuple(sorted(runs, key=lambda run: run.number)),
            score=middle + kept * (mean - middle),
            seed_variance=seed_variance,
            seed_degrees=degrees,
        )
        for (trial, runs), mean in zip(repeated, means, strict=True)
    ]
    return sorted(scored, key=lambda each: -each.mean)


def _seed_variance(
    repeated: Sequence[tuple[CompletedTrial, Sequence[CompletedTrial]]],
) -> tuple[float | None, int]:
    """The variance of an objective from seed to seed, and its degrees of freedom.

    It is pooled over the trials, since one alone has too few repeats; None where each has one. The
    search's own score is no further seed: it was chosen, and may be of a shorter training.
    """
    degrees = sum(len(runs) - 1 for _, runs in repeated)
    if not degrees:
        return None, 0
    squares = sum((run.objective - _mean(runs)) ** 2 for _, runs in repeated for run in runs)
    return squares / degrees, degrees


def _mean(runs: Sequence[CompletedTrial]) -> float:
    return fmean(run.objective for run in runs)


def winner(candidates: Sequence[Confirmed], prefer: Literal["best", "small"]) -> Confirmed:
    """The best mean, or with ``small`` the smallest model within a standard error of its score.

    Only trials with the most repeats are compared, so that luck with one seed does not win.
    """
    most = max(len(each.runs) for each in candidates)
    compared = [each for each in candidates if len(each.runs) == most]
    leader = max(compared, key=lambda each: each.mean)
    if prefer == "best":
        return leader
    tied = [each for each in compared if each.score >= leader.score - leader.standard_error]
    return min(tied, key=lambda each: (each.candidate.run.parameters, -each.mean))


def confirm_time(
    complete: Sequence[FrozenTrial], wanted: Confirmation, workers: int, timeout: float
) -> float:
    """Seconds of ``timeout`` to keep for confirming the best of these COMPLETE trials.

    Repeats run side by side, and the longest may come last. They get half of the time at most, and
    none where not one of them would end in it: then the search goes on, and they wait.
    """
    best = sorted(complete, key=lambda t: -(t.value or 0.0))[: wanted.top]
    runs = [run for trial in best if (run := read_attributes(trial).run)]
    longest = wanted.length * max((run.seconds for run in runs), default=0.0)
    rounds = ceil(len(best) * wanted.repeats / workers)
    half = timeout / 2
    return min(_MARGIN * rounds * longest, half) if _MARGIN * longest <= half else 0.0
