"""Optuna's sampler and pruner as bcauto sets them, and the bridge from a trial to a space."""

from __future__ import annotations

import warnings
from collections.abc import Container, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from bcauto.errors import BadInput
from bcauto.recipe.recipe import Recipe
from bcauto.space.dimensions import Range, Scalar
from bcauto.space.space import Space

__all__ = [
    "DrawnStudy",
    "OptunaSuggester",
    "SamplerName",
    "check_sampler",
    "make_pruner",
    "make_sampler",
    "sample_at_random",
]


SamplerName = Literal["tpe", "random", "cmaes", "gp", "grid"]
"""How recipes are chosen: ``grid`` takes every point of a finite space in turn, the others are
Optuna's samplers."""

_NEEDED = {  # the package that Optuna's sampler imports, and what installs it
    "cmaes": ("cmaes", '"bcauto[cmaes]"'),
    "gp": ("torch", "torch"),
}


def check_sampler(name: SamplerName, space: Space) -> None:
    """Makes sure that a sampler can run here, and on this space.

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
    """One of Optuna's samplers; for ``grid`` one that is never asked.

    TPE is over the groups of dimensions that are active together (Watanabe 2023): ``group`` serves
    conditional spaces, and the constant liar keeps parallel trials apart. It draws fewer recipes
    like those whose trials broke a constraint. CMA-ES and the Gaussian process leave dimensions
    that not every trial has to random draws. None sees trials that were given as whole recipes.
    """
    return _DrawnOnly(_optunas(name, seed % 2**32))


def _optunas(name: SamplerName, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        if name == "cmaes":
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if name == "gp":
            return GPSampler(seed=seed, deterministic_objective=False)
        return RandomSampler(seed=seed)


class DrawnStudy(optuna.Study):
    """A study, but for its finished trials without parameters: those given as whole recipes.

    Optuna takes these for trials of a space without dimensions. CMA-ES and the Gaussian process
    would find no dimension that all trials have; TPE, no value in those that it takes for good.
    """

    def __init__(self, study: optuna.Study) -> None:
        self.__dict__ = study.__dict__  # it is that study, with what it read already

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        """What every method that reads trials calls."""
        trials = super()._get_trials(deepcopy, states, use_cache)
        # A RUNNING trial may have none yet: what TPE is about to draw for it is elsewhere.
        return [trial for trial in trials if trial.params or not trial.state.is_finished()]


class _DrawnOnly(BaseSampler):
    """A sampler that sees a study as :class:`DrawnStudy` does."""

    def __init__(self, sampler: BaseSampler) -> None:
        self.sampler = sampler

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self.sampler.infer_relative_search_space(DrawnStudy(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.sampler.sample_relative(DrawnStudy(study), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        sampled = DrawnStudy(study)
        return self.sampler.sample_independent(sampled, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self.sampler.before_trial(DrawnStudy(study), trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # CMA-ES' that it goes by no constraints
            self.sampler.after_trial(DrawnStudy(study), trial, state, values)

    def reseed_rng(self) -> None:
        self.sampler.reseed_rng()


def make_pruner() -> BasePruner:
    """The median rule, gently: a hundred trials are too few to prune hard.

    The first five trials run through, no trial ends in its first three epochs, and three others
    must have reported an epoch before anyone is compared at it. The ledger spares some more.
    """
    return MedianPruner(n_startup_trials=5, n_warmup_steps=4, n_min_trials=3)


class OptunaSuggester:
    """Draws a space's dimensions as the parameters of an Optuna trial."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def choose(self, name: str, options: Sequence[Scalar]) -> Scalar:
        """One of ``options``, as a categorical parameter."""
        chosen = self.trial.suggest_categorical(name, options)
        assert chosen is not None  # no option is
        return chosen

    def number(self, name: str, bounds: Range) -> float:
        """A number within ``bounds``, as an int or float parameter."""
        log = bounds.log or bounds.reverse_log
        if bounds.integer:
            step = int(bounds.step or 1)
            return self.trial.suggest_int(
                name, int(bounds.low), int(bounds.high), step=step, log=log
            )
        return self.trial.suggest_float(name, bounds.low, bounds.high, step=bounds.step, log=log)


def sample_at_random(space: Space, count: int, seed: int) -> list[Recipe]:
    """Recipes at random points of a space, the same for the same seed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=RandomSampler(seed=seed % 2**32))
    return [space.sample(OptunaSuggester(study.ask())) for _ in range(count)]
