"""What a study has come to: counts and winners, read without TensorFlow or Ray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.errors import NothingUsable
from bcauto.recipe.recipe import Recipe
from bcauto.study.attributes import read_attributes
from bcauto.trial import RunRecord, Scores

_T = TypeVar("_T")

__all__ = ["CompletedTrial", "Running", "Status", "completed_trials", "load_study", "status"]


@dataclass(frozen=True)
class CompletedTrial:
    """A COMPLETE trial: objective and clean accuracy in 0..1, scores, recipe, how it was trained.

    In a confirmation, ``of_trial`` is the number of the trial of the search that it repeats, and
    ``length`` its epochs as a multiple of that trial's.
    """

    number: int
    objective: float
    clean_accuracy: float
    scores: Scores
    recipe: Recipe
    run: RunRecord
    of_trial: int | None = None
    length: float = 1.0

    @property
    def name(self) -> str:
        """What it is called: ``trial 4``, or ``repeat 3 of trial 4`` in a confirmation."""
        if self.of_trial is None:
            return f"trial {self.number}"
        return f"repeat {self.number} of trial {self.of_trial}"

    @property
    def held_out(self) -> float | None:
        """The mean over the held-out families, 0..1; None where none is held out."""
        return self.scores.mean_held_out


@dataclass(frozen=True)
class Running:
    """A trial that is under way: its last epoch and the score then, in 0..1."""

    number: int
    epoch: int = 0
    score: float | None = None


@dataclass(frozen=True)
class Status:
    """How many trials a study has in each state, and its best.

    Of those that failed, ``retries`` counts what was queued again, by no fault of its own, and
    ``failures`` the others, each by its reason and the commonest first.
    """

    study: str
    target: int
    trials: dict[str, int]
    best: CompletedTrial | None
    running: tuple[Running, ...] = ()
    failures: dict[str, int] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Trials that failed for good."""
        return sum(self.failures.values())

    def as_dict(self) -> dict[str, Any]:
        """The status as ``bcauto status --json`` prints it."""
        best = self.best and {"number": self.best.number, "objective": self.best.objective}
        return {
            "study": self.study,
            "target": self.target,
            "trials": self.trials,
            "failures": self.failures,
            "retries": self.retries,
            "best": best,
        }


_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
    "waiting": TrialState.WAITING,
}


def load_study(name: str, storage: optuna.storages.BaseStorage) -> optuna.Study | None:
    """The study of that name in a storage; None where there is none."""
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def status(study: optuna.Study | None, name: str, target: int) -> Status:
    """Counts by state, and the best trial; a trial with a known recipe is not counted.

    Raises:
        NothingUsable: a trial is damaged.
    """
    asked = study.get_trials(deepcopy=False) if study else []
    stored = {trial.number: read_attributes(trial) for trial in asked}
    trials = [trial for trial in asked if stored[trial.number].duplicate_of is None]
    counts = Counter(trial.state for trial in trials)
    completed = completed_trials(study) if study else []
    retried = {each.retry_of for each in stored.values()}
    errors = {
        trial.number: stored[trial.number].error or "no reason is stored"  # another program's
        for trial in trials
        if trial.state == TrialState.FAIL
    }
    return Status(
        name,
        target,
        {word: counts[state] for word, state in _STATES.items()},
        next(iter(completed), None),
        tuple(_running(trial) for trial in trials if trial.state == TrialState.RUNNING),
        _counted(error for number, error in errors.items() if number not in retried),
        _counted(error for number, error in errors.items() if number in retried),
    )


def _counted(errors: Iterable[str]) -> dict[str, int]:
    return dict(Counter(errors).most_common())


def _running(trial: FrozenTrial) -> Running:
    epoch = max(trial.intermediate_values, default=0)
    return Running(trial.number, epoch, trial.intermediate_values.get(epoch))


def completed_trials(study: optuna.Study) -> list[CompletedTrial]:
    """The COMPLETE trials, best first; of equals the earlier one.

    Raises:
        NothingUsable: something is missing from one, or is not what bcauto stores.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(map(_completed, complete), key=lambda each: (-each.objective, each.number))


def _completed(trial: FrozenTrial) -> CompletedTrial:
    assert trial.value is not None  # a COMPLETE trial has one
    stored = read_attributes(trial)
    try:
        recipe = Recipe.model_validate(_present("recipe", stored.recipe))
        return CompletedTrial(
            trial.number,
            trial.value,
            _present("clean_accuracy", stored.clean_accuracy),
            _present("scores", stored.scores),
            recipe,
            _present("run", stored.run),
            stored.of_trial,
            stored.length,
        )
    except ValueError as error:
        what = str(error).splitlines()[0]
        raise NothingUsable(f"trial {trial.number} in the storage is damaged ({what})") from None


def _present(name: str, value: _T | None) -> _T:
    if value is None:
        raise ValueError(f"{name!r} is missing")
    return value
