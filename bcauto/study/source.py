"""Where the recipes of a study come from: a space and a sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.recipe import Recipe
from bcauto.seeds import derive
from bcauto.space import Space
from bcauto.study.sampling import OptunaSuggester, make_sampler

__all__ = ["Asked", "Source", "SpaceSource", "was_drawn"]


@dataclass(frozen=True)
class Asked:
    """A trial that was asked for, its recipe, and the seed that it trains with."""

    trial: optuna.Trial
    recipe: Recipe
    seed: int


class Source(Protocol):
    """Where the recipes of a study come from."""

    def ask(self, study: optuna.Study) -> Asked | None:
        """Asks the study for a trial, and draws its recipe; None where there is no other.

        What is queued in the study, such as a retry, comes first.
        """


@dataclass(frozen=True)
class SpaceSource:
    """Draws from a space: its starting points first, then what the sampler suggests."""

    space: Space
    seed: int

    def ask(self, study: optuna.Study) -> Asked:
        """Asks for a trial: what is queued, the next starting point, or a suggestion."""
        trials = study.get_trials(deepcopy=False)
        study.sampler = make_sampler(derive(self.seed, "sampler", _asked_for(trials)))
        self._queue_starting_point(study, trials)
        trial = study.ask()
        recipe = self.space.draw(OptunaSuggester(trial))
        return Asked(trial, recipe, derive(self.seed, "trial", recipe.fingerprint))

    def _queue_starting_point(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
        """Queues the space's next starting point, unless something is queued already.

        One at a time, so that a retry comes before it, where its first try was.
        """
        tried = sum("start" in t.user_attrs for t in trials)
        queued = any(t.state == TrialState.WAITING for t in trials)
        if tried < len(self.space.start) and not queued:
            point = self.space.options(self.space.start[tried])
            study.enqueue_trial(point, user_attrs={"start": tried})


def _asked_for(trials: Sequence[FrozenTrial]) -> int:
    """Recipes asked for so far, retries not counted: a resumed search draws on from it."""
    first = [t for t in trials if "retry_of" not in t.user_attrs]
    return sum(was_drawn(t) and t.state != TrialState.WAITING for t in first)


def was_drawn(trial: FrozenTrial) -> bool:
    """Whether its recipe was drawn, or given: one killed before that is drawn anew."""
    return "recipe" in trial.user_attrs or "fixed_params" in trial.system_attrs
