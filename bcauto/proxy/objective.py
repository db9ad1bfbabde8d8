"""The objective: one number from the metric's values for all corruptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from bcauto.proxy.metrics import Floats, mean_of_defined

__all__ = ["Objective", "combine", "means_by_family", "read_objective", "stored_objective"]

Objective = Literal["mean_of_corruptions", "worst_family", "mean_of_families"]

# "mean_of_corruptions" was once called "mean_of_cells". The old word is part of stored proxies and
# of the fingerprints of proxies and spaces, which a study refuses to change. So files and
# fingerprints keep it, and a space may still use it.


def stored_objective(objective: Objective) -> str:
    """Return the word for ``objective`` in proxy files and in fingerprints."""
    return "mean_of_cells" if objective == "mean_of_corruptions" else objective


def read_objective(word: Any) -> Any:
    """Return today's word for one from a file; any other value comes back unchanged."""
    return "mean_of_corruptions" if word == "mean_of_cells" else word


def combine(objective: Objective, values: Floats, families: Sequence[str]) -> Floats:
    """Return the objective (...) of values (..., corruptions); NaN values are left out.

    Args:
        objective: ``mean_of_corruptions`` is the mean of all values. A family's value is the mean
            over its corruptions: ``mean_of_families`` is the mean of the families' values, and
            ``worst_family`` the smallest of them.
        values: the metric's value for each corruption, in 0..1.
        families: the family of each corruption.

    """
    if objective == "mean_of_corruptions":
        return mean_of_defined(values)
    by_family = np.stack(list(means_by_family(values, families).values()), axis=-1)
    if objective == "mean_of_families":
        return mean_of_defined(by_family)
    worst: Floats = np.fmin.reduce(by_family, axis=-1)
    return worst


def means_by_family(values: Floats, families: Sequence[str]) -> dict[str, Floats]:
    """Return each family's mean (...) of values (..., corruptions); NaN values are left out."""
    names = np.array(families)
    return {
        family: mean_of_defined(values[..., names == family]) for family in dict.fromkeys(families)
    }
