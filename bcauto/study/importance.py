"""How much each dimension of a space matters, by what the trials of a study came to."""

from __future__ import annotations

import warnings

import optuna
from optuna.trial import TrialState

__all__ = ["importances"]

_LEAST = 8  # complete trials
_BEST = 0.25  # of them, which are compared with all


def importances(study: optuna.Study | None) -> dict[str, float]:
    """The share of each dimension in the difference between good trials and all, the largest first.

    PED-ANOVA (Watanabe et al. 2023) over the COMPLETE trials, for the dimensions that all of them
    have; shares sum to one. Empty for fewer than eight trials, and where no dimension varies.
    """
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if study else []
    complete = [trial for trial in done if trial.params]  # others were given as whole recipes
    shared = set.intersection(*({*trial.params} for trial in complete)) if complete else set()
    varied = [name for name in shared if len({trial.params[name] for trial in complete}) > 1]
    if study is None or len(complete) < _LEAST or not varied:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # SciPy: slow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, and of what is experimental
        evaluator = PedAnovaImportanceEvaluator(target_quantile=_BEST)
        found = get_param_importances(study, evaluator=evaluator, params=sorted(varied))
    return dict(sorted(found.items(), key=lambda each: -each[1]))
