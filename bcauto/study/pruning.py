"""When a trial is pruned: Optuna's pruner, and the trials that it is not asked about."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.pruners import BasePruner, MedianPruner
from optuna.trial import FrozenTrial

from bcauto.recipe.training import Training
from bcauto.study.attributes import read_attributes
from bcauto.trial import TrialAttributes

__all__ = ["make_pruner", "may_prune"]


def make_pruner() -> BasePruner:
    """Return the median rule, set gently: a hundred trials are too few to prune hard.

    The first five trials run through, no trial ends in its first three epochs, and three others
    must have reported an epoch before any trial is compared at it.
    """
    return MedianPruner(n_startup_trials=5, n_warmup_steps=4, n_min_trials=3)  # from epoch 4 on


def may_prune(
    stored: TrialAttributes, training: Training, epoch: int, trials: Sequence[FrozenTrial]
) -> bool:
    """Whether the pruner is asked about a trial at an epoch.

    It is not while the head alone trains: there a trial is behind all whose head was done sooner,
    and it may still overtake them. Starting points train to their end. A retry is not pruned at an
    epoch that the try before it has passed, though the others may be ahead of that by now.

    Args:
        stored: what is stored of the trial.
        training: of its recipe.
        epoch: counted from 1 over all stages.
        trials: all trials of the study, by number.
    """
    head_epochs = 0 if training.stages else training.head_epochs
    if epoch <= head_epochs:
        return False
    if stored.retry_of is not None and epoch in trials[stored.retry_of].intermediate_values:
        return False
    return not _is_starting_point(stored, trials)


def _is_starting_point(stored: TrialAttributes, trials: Sequence[FrozenTrial]) -> bool:
    while stored.start is None and stored.retry_of is not None:
        stored = read_attributes(trials[stored.retry_of])
    return stored.start is not None
