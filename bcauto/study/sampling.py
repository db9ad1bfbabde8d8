"""Optuna's sampler and pruner as bcauto sets them, and the bridge from a trial to a space."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import optuna
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from bcauto.errors import BadInput
from bcauto.recipe import Recipe
from bcauto.space import Range, Scalar, Space

__all__ = [
    "OptunaSuggester",
    "SamplerName",
    "check_sampler",
    "draw_at_random",
    "make_pruner",
    "make_sampler",
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
    that not every trial has to random draws.
    """
    seed %= 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "tpe":
            return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        if name == "cmaes":
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if name == "gp":
            return GPSampler(seed=seed, deterministic_objective=False)
        return RandomSampler(seed=seed)


def make_pruner() -> BasePruner:
    """The median rule, gently: a hundred trials are too few to prune hard.

    The first five trials run through, no trial ends in its first three epochs, and three
    others must have reported an epoch before anyone is compared at it.
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


def draw_at_random(space: Space, count: int, seed: int) -> list[Recipe]:
    """Recipes at random points of a space, the same for the same seed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=RandomSampler(seed=seed % 2**32))
    return [space.draw(OptunaSuggester(study.ask())) for _ in range(count)]
