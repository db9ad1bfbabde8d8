"""Where the repeats of a confirmation come from: the best trials of a search, on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive
from bcauto.space.space import Confirmation
from bcauto.study.attributes import store
from bcauto.study.source import Asked
from bcauto.trial import TrialAttributes

__all__ = ["RepeatSource"]

_PARAMETERS = ("trial", "repeat", "length")
_MOST = 10**9  # Optuna needs bounds; no number of a trial, no repeat and no length reaches it


@dataclass(frozen=True)
class RepeatSource:
    """Repeats the best recipes on fresh seeds: every candidate once, then every one again.

    A repeat may train longer than the trial that it repeats (``Recipe.longer``). Where the length
    that is wanted changes, every repeat is trained again at the new one.

    Attributes:
        recipes: of the search's trials, by number, the best first.
        wanted: how many of them are repeated, how often, and how long.
        seed: of the study.
    """

    recipes: Mapping[int, Recipe]
    wanted: Confirmation
    seed: int

    @property
    def candidates(self) -> list[int]:
        """The numbers of the trials to repeat, the best first."""
        return list(self.recipes)[: self.wanted.top]

    def ask(self, study: optuna.Study) -> Asked | None:
        """Asks for what is queued, or else for the next repeat."""
        trials = study.get_trials(deepcopy=False)
        if not any(t.state == TrialState.WAITING for t in trials):
            following = next(self._untried(trials), None)
            if following is None:
                return None
            study.enqueue_trial(dict(zip(_PARAMETERS, following, strict=True)))
        trial = study.ask()
        number = trial.suggest_int("trial", 0, _MOST)
        repeat = trial.suggest_int("repeat", 1, _MOST)
        length = trial.suggest_float("length", 1.0, _MOST)
        recipe = self.recipes[number].longer(length)
        store(trial, TrialAttributes(of_trial=number, length=length))
        return Asked(trial, recipe, derive(self.seed, "confirm", recipe.fingerprint, repeat))

    def left(self, study: optuna.Study) -> int:
        """Repeats that are still to be trained; those that failed for good are not."""
        trials = study.get_trials(deepcopy=False)
        interrupted = sum(t.state in (TrialState.WAITING, TrialState.RUNNING) for t in trials)
        return interrupted + sum(1 for _ in self._untried(trials))

    def _untried(self, trials: Sequence[FrozenTrial]) -> Iterator[tuple[int, int, float]]:
        """Every (trial, repeat, length) that is wanted and was not begun."""
        tried = {_repeat_of(t) for t in trials}
        wanted = (
            (number, repeat, self.wanted.length)
            for repeat in range(1, self.wanted.repeats + 1)
            for number in self.candidates
        )
        return (each for each in wanted if each not in tried)


def _repeat_of(trial: FrozenTrial) -> tuple[int | None, int | None, float]:
    given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    return given.get("trial"), given.get("repeat"), given.get("length", 1.0)
