"""What a study has come to: counts and winners, read without TensorFlow or Ray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from bcauto.errors import NothingUsable
from bcauto.recipe.recipe import Recipe
from bcauto.trial import mean_held_out

__all__ = ["CompletedTrial", "Running", "Status", "completed_trials", "load_study", "status"]


@dataclass(frozen=True)
class CompletedTrial:
    """A COMPLETE trial: objective and clean accuracy in 0..1, scores, recipe."""

    number: int
    objective: float
    clean_accuracy: float
    scores: dict[str, Any]
    recipe: Recipe
    run: dict[str, Any]
    of_trial: int | None = None
    """In a confirmation: the trial of the search that this one repeats."""

    @property
    def held_out(self) -> float | None:
        """The mean over the held-out families, 0..1; None where none is held out."""
        return mean_held_out(self.scores)

    @property
    def parameters(self) -> int:
        """Weights of the model."""
        return int(self.run["parameters"])


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
    """The study of that name in a storage; None where no trial was ever asked for."""
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def status(study: optuna.Study | None, name: str, target: int) -> Status:
    """Counts by state, and the best trial; draws of a known recipe are no trials."""
    asked = study.get_trials(deepcopy=False) if study else []
    trials = [trial for trial in asked if "duplicate_of" not in trial.user_attrs]
    counts = Counter(trial.state for trial in trials)
    best = completed_trials(study) if study else []
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    retried = {trial.user_attrs.get("retry_of") for trial in trials}
    return Status(
        name,
        target,
        {word: counts[state] for word, state in _STATES.items()},
        next(iter(best), None),
        tuple(_running(trial) for trial in trials if trial.state == TrialState.RUNNING),
        _reasons(trial for trial in failed if trial.number not in retried),
        _reasons(trial for trial in failed if trial.number in retried),
    )


def _reasons(trials: Iterable[FrozenTrial]) -> dict[str, int]:
    return dict(Counter(map(_reason, trials)).most_common())


def _reason(trial: FrozenTrial) -> str:
    """Why a trial failed; another program may have closed it without a reason."""
    return str(trial.user_attrs.get("error", "no reason is stored"))


def _running(trial: FrozenTrial) -> Running:
    epoch = max(trial.intermediate_values, default=0)
    return Running(trial.number, epoch, trial.intermediate_values.get(epoch))


def completed_trials(study: optuna.Study) -> list[CompletedTrial]:
    """The COMPLETE trials, best first; of equals the earlier one."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(map(_best, complete), key=lambda best: (-best.objective, best.number))


def _best(trial: FrozenTrial) -> CompletedTrial:
    """The trial as it was stored.

    Raises:
        NothingUsable: something is missing from it, or is not what bcauto stores.
    """
    assert trial.value is not None  # a COMPLETE trial has one
    attrs = trial.user_attrs
    try:
        recipe = Recipe.model_validate(attrs["recipe"])
        clean, scores, run = attrs["clean_accuracy"], attrs["scores"], attrs["run"]
    except (KeyError, ValidationError) as error:
        what = str(error).splitlines()[0]
        raise NothingUsable(f"trial {trial.number} in the storage is damaged ({what})") from None
    return CompletedTrial(
        trial.number, trial.value, clean, scores, recipe, run, attrs.get("of_trial")
    )
