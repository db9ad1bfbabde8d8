"""Where the repeats of a confirmation come from: the best trials of a search, on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive
from bcauto.study.attributes import store
from bcauto.study.source import Asked
from bcauto.trial import TrialAttributes

__all__ = ["RepeatSource"]

_MOST = 10**9  # a bound that no trial's number reaches


@dataclass(frozen=True)
class RepeatSource:
    """Repeats recipes on fresh seeds: every candidate once, then every one again.

    Attributes:
        recipes: of the search's trials, by number; those of earlier candidates too.
        candidates: numbers of the trials to repeat, the best first.
        repeats: how often each.
        seed: of the study.
    """

    recipes: Mapping[int, Recipe]
    candidates: Sequence[int]
    repeats: int
    seed: int

    def ask(self, study: optuna.Study) -> Asked | None:
        """Asks for what is queued, or else for the next repeat."""
        trials = study.get_trials(deepcopy=False)
        if not any(t.state == TrialState.WAITING for t in trials):
            following = next(self._untried(trials), None)
            if following is None:
                return None
            study.enqueue_trial(dict(zip(("trial", "repeat"), following, strict=True)))
        trial = study.ask()
        number = trial.suggest_int("trial", 0, _MOST)
        repeat = trial.suggest_int("repeat", 1, _MOST)
        recipe = self.recipes[number]
        store(trial, TrialAttributes(of_trial=number))
        return Asked(trial, recipe, derive(self.seed, "confirm", recipe.fingerprint, repeat))

    def left(self, study: optuna.Study) -> int:
        """Repeats that are still to be trained; those that failed for good are not."""
        trials = study.get_trials(deepcopy=False)
        interrupted = sum(t.state in (TrialState.WAITING, TrialState.RUNNING) for t in trials)
        return interrupted + sum(1 for _ in self._untried(trials))

    def _untried(self, trials: Sequence[FrozenTrial]) -> Iterator[tuple[int, int]]:
        tried = {_repeat_of(t) for t in trials}
        return (pair for pair in self._pairs() if pair not in tried)

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Every (trial, repeat) that is wanted."""
        return (
            (number, repeat) for repeat in range(1, self.repeats + 1) for number in self.candidates
        )


def _repeat_of(trial: FrozenTrial) -> tuple[int | None, int | None]:
    given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    return given.get("trial"), given.get("repeat")
