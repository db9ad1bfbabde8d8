"""A study's trials as a pandas DataFrame."""

from __future__ import annotations

from typing import Any

import pandas as pd
from optuna.trial import FrozenTrial

from bcauto.results.open_study import OpenStudy
from bcauto.study.attributes import read_attributes
from bcauto.trial import TrialAttributes

__all__ = ["trials_frame"]


def trials_frame(opened: OpenStudy) -> pd.DataFrame:
    """Return a row for each trial of the search, in their order.

    Columns are ``number`` and ``state`` (Optuna's), ``objective`` with ``low`` and ``high`` (its
    95 % interval), ``clean_accuracy``, ``held_out`` and ``family_...`` for the families of the
    proxy (all in 0..1), ``estimate`` of a trial that was trained again, ``epochs``, ``parameters``,
    ``seconds`` of training, ``started``, ``ended``, ``error``, and one for each dimension of the
    space. What a trial does not have is missing.
    """
    trials = opened.study.get_trials(deepcopy=False) if opened.study else []
    again = {each.candidate.number: each.score for each in opened.leaderboard.confirmed}
    rows = []
    for trial in trials:
        stored = read_attributes(trial)
        rows.append(
            {
                "number": trial.number,
                "state": trial.state.name,
                "objective": trial.value,
                **_scores(stored),
                "estimate": again.get(trial.number),
                **_run(stored),
                "started": trial.datetime_start,
                "ended": trial.datetime_complete,
                "error": stored.error,
                **_params(trial),
            }
        )
    titles = ["number", "state", "objective", "low", "high", "clean_accuracy", "held_out"]
    return pd.DataFrame(rows, columns=None if rows else titles)


def _scores(stored: TrialAttributes) -> dict[str, Any]:
    scores = stored.scores
    low, high = scores.interval if scores else (None, None)
    families = {**scores.families, **scores.held_out} if scores else {}
    return {
        "low": low,
        "high": high,
        "clean_accuracy": stored.clean_accuracy,
        "held_out": scores.mean_held_out if scores else None,
        **{f"family_{family}": score for family, score in families.items()},
    }


def _run(stored: TrialAttributes) -> dict[str, Any]:
    run = stored.run
    return {
        "epochs": run.epochs if run else None,
        "parameters": run.parameters if run else None,
        "seconds": run.seconds if run else None,
    }


def _params(trial: FrozenTrial) -> dict[str, Any]:
    """Return the values by dimension; the ranges of one for several cases are one dimension."""
    return {name.partition("@")[0]: value for name, value in trial.params.items()}
