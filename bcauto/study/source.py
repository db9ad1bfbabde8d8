"""Where the recipes of a study come from: a space and a sampler."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.io.toml import parse
from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive
from bcauto.space.dimensions import Scalar
from bcauto.space.space import Space, given_recipe
from bcauto.study.sampling import OptunaSuggester, SamplerName, make_sampler
from bcauto.trial import trial_seed

__all__ = ["Asked", "Source", "SpaceSource", "was_sampled"]

_PATIENCE = 10  # known recipes in a row, until a finite space's others are taken in turn


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
    """Draws from a space: its starting points first, then what the sampler suggests.

    A grid's points, and those that a sampler leaves over when it draws what is known again and
    again, are taken in turn.
    """

    space: Space
    seed: int
    sampler: SamplerName = "tpe"

    def ask(self, study: optuna.Study) -> Asked | None:
        """Asks for a trial: what is queued, the next starting point, or a suggestion.

        None where every point of a finite space is known.
        """
        trials = study.get_trials(deepcopy=False)
        name: SamplerName = "random" if self.sampler == "grid" else self.sampler
        study.sampler = make_sampler(name, derive(self.seed, "sampler", _asked_for(trials)))
        if not any(trial.state == TrialState.WAITING for trial in trials):
            started = self._queue_starting_point(study, trials)
            if not started and self._in_turn(trials) and not self._queue_next_point(study, trials):
                return None
        trial = study.ask()
        given = trial.user_attrs.get("given")
        recipe = parse(Recipe, given) if given else self.space.sample(OptunaSuggester(trial))
        return Asked(trial, recipe, trial_seed(self.seed, recipe))

    def _queue_starting_point(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
        """Queues the space's next starting point; False where none is left.

        One at a time, so that a retry comes before it, where its first try was.
        """
        tried = {trial.user_attrs.get("start") for trial in trials}
        key = next((key for key in self._starts if key not in tried), None)
        if key is None:
            return False
        start = self._starts[key]
        if isinstance(start, Recipe):
            given = {"given": start.model_dump(mode="json")}
            study.enqueue_trial({}, user_attrs={"start": key, **given})
        else:
            study.enqueue_trial(start, user_attrs={"start": key})
        return True

    @cached_property
    def _starts(self) -> dict[str, Recipe | dict[str, Scalar]]:
        """The starting points in what a sampler is told, or whole recipes.

        Each by a key that it keeps where others are put before it in the space's file.
        """
        starts = (given_recipe(start) or self.space.options(start) for start in self.space.start)
        return {_key(start): start for start in starts}

    def _in_turn(self, trials: Sequence[FrozenTrial]) -> bool:
        if self.sampler == "grid":
            return True
        known = takewhile(lambda trial: "duplicate_of" in trial.user_attrs, reversed(trials))
        return self.space.size is not None and len(list(known)) >= _PATIENCE

    def _queue_next_point(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
        """Queues the first point of the space whose recipe no trial has; False where none is."""
        known = {trial.user_attrs.get("seed") for trial in trials}
        points = self.space.points()
        new = (
            point for point in points if trial_seed(self.seed, self.space.at(point)) not in known
        )
        point = next(new, None)
        if point is not None:
            study.enqueue_trial(self.space.options(point))
        return point is not None


def _key(start: Recipe | dict[str, Scalar]) -> str:
    said = start.fingerprint if isinstance(start, Recipe) else json.dumps(start, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _asked_for(trials: Sequence[FrozenTrial]) -> int:
    """Recipes asked for so far, retries not counted: a resumed search draws on from it."""
    first = [t for t in trials if "retry_of" not in t.user_attrs]
    return sum(was_sampled(t) and t.state != TrialState.WAITING for t in first)


def was_sampled(trial: FrozenTrial) -> bool:
    """Whether its recipe was drawn, or given: one killed before that is drawn anew."""
    return "recipe" in trial.user_attrs or "fixed_params" in trial.system_attrs
