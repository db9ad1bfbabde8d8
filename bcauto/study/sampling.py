"""Optuna's sampler and pruner as bcauto sets them, and how a trial samples a recipe of a space."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from bcauto.errors import BadInput
from bcauto.recipe.recipe import Recipe
from bcauto.space.dimensions import Range, Scalar
from bcauto.space.space import Space
from bcauto.study.settings import SamplerName

__all__ = [
    "check_sampler",
    "make_sampler",
    "sample_at_random",
    "sample_recipe",
    "without_whole_recipes",
]

_NEEDED = {  # the package that Optuna's sampler imports, and what installs it
    "cmaes": ("cmaes", '"bcauto[cmaes]"'),
    "gp": ("torch", "torch"),
}


def check_sampler(name: SamplerName, space: Space) -> None:
    """Make sure that a sampler can run here, and on this space.

    Raises:
        BadInput: a package is missing, or a grid would be endless.
    """
    package, install = _NEEDED.get(name, (None, None))
    if package and find_spec(package) is None:
        raise BadInput(f"--sampler {name} needs {package}: pip install {install}")
    if name == "grid" and space.size is None:
        endless = next(n for n, dimension in space.search.items() if dimension.count is None)
        rule = "--sampler grid needs a space of choices, whole numbers and steps"
        raise BadInput(f"{rule}, got {endless!r} without steps")


def make_sampler(name: SamplerName, seed: int) -> BaseSampler:
    """Return one of Optuna's samplers; for ``grid`` one that is never asked.

    TPE models the groups of dimensions that are active together (Watanabe 2023), as conditional
    spaces need; its constant liar keeps parallel trials apart. It samples fewer recipes like those
    whose trials broke a constraint. CMA-ES and the Gaussian process sample dimensions that not
    every trial has at random. None of the three sees trials that were given as whole recipes.
    """
    seed %= 2**32
    if name in ("random", "grid"):
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            tpe = TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
            return _SampledOnly(tpe)
        if name == "cmaes":
            return _SampledOnly(CmaEsSampler(seed=seed, warn_independent_sampling=False))
        return _SampledOnly(GPSampler(seed=seed, deterministic_objective=False))


def sample_recipe(space: Space, trial: optuna.Trial) -> Recipe:
    """Sample a recipe of a space with the study's sampler, as the parameters of a trial."""
    recipe = space.sample(_OptunaSuggester(trial))
    if isinstance(sampler := trial.study.sampler, _SampledOnly):
        sampler.store_state(trial)
    return recipe


def sample_at_random(space: Space, count: int, seed: int) -> list[Recipe]:
    """Sample recipes at random points of a space, the same for the same seed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=RandomSampler(seed=seed % 2**32))
    return [sample_recipe(space, study.ask()) for _ in range(count)]


def without_whole_recipes(study: optuna.Study) -> optuna.Study:
    """Return a copy of a study, in memory, in which trials given as whole recipes have failed.

    Optuna takes those, which have no parameters, for trials of a space without dimensions: CMA-ES
    and the Gaussian process would find no dimension that all trials have, and TPE no value in the
    trials that it counts as good. Samplers pass over failed trials, and every trial keeps its
    number, which CMA-ES adds to its seed. A study without such trials is returned itself.
    """
    trials = study.get_trials(deepcopy=False)
    if not any(map(_is_whole_recipe, trials)):
        return study
    copy = optuna.create_study(directions=study.directions)
    copy.add_trials(map(_as_samplers_see_it, trials))
    return copy


def _is_whole_recipe(trial: FrozenTrial) -> bool:
    """Whether a finished trial has no parameters; one that still runs may get some."""
    return trial.state.is_finished() and not trial.params


def _as_samplers_see_it(trial: FrozenTrial) -> FrozenTrial:
    if trial.state == TrialState.FAIL or _is_whole_recipe(trial):
        return optuna.trial.create_trial(state=TrialState.FAIL)
    return optuna.trial.create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions=trial.distributions,
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )


class _SampledOnly(BaseSampler):
    """A sampler of Optuna's that learns nothing from trials given as whole recipes.

    Before and after a trial there is nothing to do: TPE, CMA-ES and the Gaussian process do nothing
    then but warn of constraints.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self.sampler = sampler
        self._seen: tuple[optuna.Study, FrozenTrial] | None = None

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the dimensions to sample together, which Optuna asks for before all others."""
        seen = without_whole_recipes(study)
        if seen is not study:
            trial = seen.get_trials(deepcopy=False)[trial.number]
        self._seen = seen, trial
        return self.sampler.infer_relative_search_space(seen, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample values of dimensions together."""
        return self.sampler.sample_relative(*(self._seen or (study, trial)), search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Sample the value of one dimension."""
        seen = self._seen or (study, trial)
        return self.sampler.sample_independent(*seen, param_name, param_distribution)

    def store_state(self, trial: optuna.Trial) -> None:
        """Store with a trial what the sampler stored with its copy, such as CMA-ES' state."""
        if self._seen is None or self._seen[0] is trial.study:
            return
        copy, number = self._seen[0], trial.number
        storage = trial.storage
        study_id = storage.get_study_id_from_name(trial.study.study_name)
        trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, number)
        stored = storage.get_trial_system_attrs(trial_id)
        for key, value in copy.get_trials(deepcopy=False)[number].system_attrs.items():
            if key not in stored:
                storage.set_trial_system_attr(trial_id, key, value)


class _OptunaSuggester:
    """Samples a space's dimensions as the parameters of an Optuna trial."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        """Sample one of ``options``, as a categorical parameter."""
        chosen = self.trial.suggest_categorical(name, options)
        assert chosen is not None  # no option is
        return chosen

    def number(self, name: str, bounds: Range) -> float:
        """Sample a number within ``bounds``, as an int or float parameter."""
        log = bounds.log or bounds.reverse_log
        if bounds.integer:
            step = int(bounds.step or 1)
            return self.trial.suggest_int(
                name, int(bounds.low), int(bounds.high), step=step, log=log
            )
        return self.trial.suggest_float(name, bounds.low, bounds.high, step=bounds.step, log=log)
