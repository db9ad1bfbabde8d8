"""How much each dimension of a space matters for the objective of a study's trials."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.space.dimensions import Scalar
from bcauto.study.sampling import without_whole_recipes

__all__ = ["importances"]

_LEAST = 8  # complete trials that have a dimension
_BEST = 0.25  # of all complete trials, which are compared with all


def importances(study: optuna.Study | None) -> dict[str, float]:
    """Return each dimension's share in what sets good trials apart from all, the largest first.

    Conditional PED-ANOVA, as Optuna has it, over the COMPLETE trials that were not given as whole
    recipes. A dimension under a condition is judged by the trials that have it, and weighs by how
    many of the good ones do, so one that none of them has comes to 0. Shares sum to one. A
    dimension that fewer than eight trials have, or all with one value, is left out: nothing is
    known of it.
    """
    if study is None:
        return {}
    sampled = without_whole_recipes(study)
    names = _assessable(sampled.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if not names:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # SciPy: slow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, and of what is experimental
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_BEST)
        found = get_param_importances(sampled, evaluator=evaluator, params=names)
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _assessable(trials: Sequence[FrozenTrial]) -> list[str]:
    """Return the names of the dimensions that enough trials have, with more than one value."""
    values: dict[str, list[Scalar]] = defaultdict(list)
    for trial in trials:
        for name, value in trial.params.items():
            values[name].append(value)
    return sorted(n for n, had in values.items() if len(had) >= _LEAST and len({*had}) > 1)
