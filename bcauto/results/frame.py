"""A study's trials as a pandas DataFrame."""

from __future__ import annotations

import pandas as pd

from bcauto.results.flat import flat_params, flat_run, flat_scores
from bcauto.results.open_study import OpenStudy
from bcauto.study.attributes import read_attributes

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
                **flat_scores(stored),
                "estimate": again.get(trial.number),
                **flat_run(stored),
                "started": trial.datetime_start,
                "ended": trial.datetime_complete,
                "error": stored.error,
                **flat_params(trial),
            }
        )
    titles = ["number", "state", "objective", "low", "high", "clean_accuracy", "held_out"]
    return pd.DataFrame(rows, columns=None if rows else titles)
