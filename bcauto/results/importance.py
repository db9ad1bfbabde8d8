"""How much each dimension of a space matters, by what the trials of a study came to."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.space.dimensions import Scalar
from bcauto.study.sampling import DrawnStudy

__all__ = ["importances"]

_LEAST = 8  # complete trials that have a dimension
_BEST = 0.25  # of all complete trials, which are compared with all


def importances(study: optuna.Study | None) -> dict[str, float]:
    """The share of each dimension in the difference between good trials and all, the largest first.

    Conditional PED-ANOVA, as Optuna has it, over the COMPLETE trials that were not given as whole
    recipes. A dimension under a condition is judged by the trials that have it, and weighs by how
    many of the good ones do, so one that none of them has comes to 0. Shares sum to one. A
    dimension that fewer than eight trials have, or all with one value, is left out: nothing is
    known of it.
    """
    if study is None:
        return {}
    drawn = DrawnStudy(study)
    names = _assessable(drawn.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if not names:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # SciPy: slow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, and of what is experimental
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_BEST)
        found = get_param_importances(drawn, evaluator=evaluator, params=names)
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _assessable(trials: Sequence[FrozenTrial]) -> list[str]:
    """The dimensions that enough trials have, with more than one value, by name."""
    values: dict[str, list[Scalar]] = defaultdict(list)
    for trial in trials:
        for name, value in trial.params.items():
            values[name].append(value)
    return sorted(n for n, had in values.items() if len(had) >= _LEAST and len({*had}) > 1)
