"""Optuna's sampler and pruner as bcauto sets them, and the bridge from a trial to a space."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, TPESampler

from bcauto.space import Range, Scalar

__all__ = ["OptunaSuggester", "make_pruner", "make_sampler"]


def make_sampler(seed: int) -> BaseSampler:
    """TPE over the groups of dimensions that are active together (Watanabe 2023).

    ``group`` serves conditional spaces; the constant liar keeps parallel trials apart.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=seed % 2**32, multivariate=True, group=True, constant_liar=True)


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
        if bounds.integer:
            step = int(bounds.step or 1)
            return self.trial.suggest_int(
                name, int(bounds.low), int(bounds.high), step=step, log=bounds.log
            )
        return self.trial.suggest_float(
            name, bounds.low, bounds.high, step=bounds.step, log=bounds.log
        )
