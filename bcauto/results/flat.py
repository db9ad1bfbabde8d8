"""What is stored of a trial as flat values by name, for tables and trackers."""

from __future__ import annotations

from typing import Any

from optuna.trial import FrozenTrial

from bcauto.trial import TrialAttributes

__all__ = ["flat_params", "flat_run", "flat_scores"]


def flat_scores(stored: TrialAttributes) -> dict[str, float | None]:
    """Return what a trial scored, in 0..1; None for what it has not."""
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


def flat_run(stored: TrialAttributes) -> dict[str, float | None]:
    """Return how a trial was trained: epochs, weights of the model, seconds; None likewise."""
    run = stored.run
    return {
        "epochs": run.epochs if run else None,
        "parameters": run.parameters if run else None,
        "seconds": run.seconds if run else None,
    }


def flat_params(trial: FrozenTrial) -> dict[str, Any]:
    """Return the values by dimension; the ranges of one for several cases are one dimension."""
    return {name.partition("@")[0]: value for name, value in trial.params.items()}
