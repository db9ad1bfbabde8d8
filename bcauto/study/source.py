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
from bcauto.storage.retrying import MADE_TWICE
from bcauto.study.attributes import as_user_attrs, read_attributes
from bcauto.study.sampling import make_sampler, sample_recipe
from bcauto.study.settings import SamplerName
from bcauto.trial import TrialAttributes, trial_seed

__all__ = ["Asked", "Source", "SpaceSource", "was_sampled"]

_MAX_DUPLICATES = 10  # known recipes in a row after which a finite space's points are taken in turn


@dataclass(frozen=True)
class Asked:
    """A trial that Optuna was asked for, its recipe, and the seed that it trains with."""

    trial: optuna.Trial
    recipe: Recipe
    seed: int


class Source(Protocol):
    """Where the recipes of a study come from."""

    def ask(self, study: optuna.Study) -> Asked | None:
        """Ask the study for its next trial, and sample its recipe; None where there is none left.

        What is queued in the study, such as a retry, comes first.
        """


@dataclass(frozen=True)
class SpaceSource:
    """Recipes of a space: its starting points first, then what the sampler suggests.

    The points of a grid are taken in turn. In a finite space, once the sampler suggests nothing but
    points that are known, the others are taken in turn as well.
    """

    space: Space
    seed: int
    sampler: SamplerName = "tpe"

    def ask(self, study: optuna.Study) -> Asked | None:
        """Ask for a trial: what is queued, else the next starting point, else a suggestion.

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
        given = read_attributes(trial).given
        recipe = parse(Recipe, given) if given else sample_recipe(self.space, trial)
        return Asked(trial, recipe, trial_seed(self.seed, recipe))

    def _queue_starting_point(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
        """Queue the space's next starting point; False where none is left.

        One at a time, so that a retry is asked for before the next one.
        """
        tried = {read_attributes(trial).start for trial in trials}
        key = next((key for key in self._starts if key not in tried), None)
        if key is None:
            return False
        start = self._starts[key]
        if isinstance(start, Recipe):
            given = TrialAttributes(start=key, given=start.model_dump(mode="json"))
            study.enqueue_trial({}, user_attrs=as_user_attrs(given))
        else:
            study.enqueue_trial(start, user_attrs=as_user_attrs(TrialAttributes(start=key)))
        return True

    @cached_property
    def _starts(self) -> dict[str, Recipe | dict[str, Scalar]]:
        """The starting points: whole recipes, or points in the words that Optuna is told.

        Their keys come from what they say, so that others may be put before them in the file.
        """
        starts = (given_recipe(start) or self.space.options(start) for start in self.space.start)
        return {_key(start): start for start in starts}

    def _in_turn(self, trials: Sequence[FrozenTrial]) -> bool:
        if self.sampler == "grid":
            return True
        newest = map(read_attributes, reversed(trials))
        known = takewhile(lambda stored: stored.duplicate_of is not None, newest)
        return self.space.size is not None and len(list(known)) >= _MAX_DUPLICATES

    def _queue_next_point(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
        """Queue the first point of the space whose recipe no trial has; False where none is."""
        known = {read_attributes(trial).seed for trial in trials}
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
    """Recipes sampled so far, without retries: a resumed search seeds its sampler from it."""
    first = [t for t in trials if read_attributes(t).retry_of is None]
    return sum(was_sampled(t) and t.state != TrialState.WAITING for t in first)


def was_sampled(trial: FrozenTrial) -> bool:
    """Whether a trial has a recipe, and is no trial that a broken connection made twice.

    It has no recipe if the search was killed before one was sampled.
    """
    stored = read_attributes(trial)
    has_recipe = stored.recipe is not None or "fixed_params" in trial.system_attrs
    return has_recipe and stored.error != MADE_TWICE
