"""The objective: one number from the metric's values in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bcauto.proxy.metrics import Floats, mean_of_defined

__all__ = ["Objective", "combine", "means_by_family"]

Objective = Literal["mean_of_cells", "worst_family", "mean_of_families"]


def combine(objective: Objective, values: Floats, families: Sequence[str]) -> Floats:
    """The objective of values (..., cells) in cells of these families; NaN values are left out.

    ``mean_of_cells`` is the mean over the cells. A family is worth the mean over its cells;
    ``mean_of_families`` is the mean over those, and ``worst_family`` the least of them.
    """
    if objective == "mean_of_cells":
        return mean_of_defined(values)
    by_family = np.stack(list(means_by_family(values, families).values()), axis=-1)
    if objective == "mean_of_families":
        return mean_of_defined(by_family)
    worst: Floats = np.fmin.reduce(by_family, axis=-1)
    return worst


def means_by_family(values: Floats, families: Sequence[str]) -> dict[str, Floats]:
    """The mean (...) of values (..., cells) over the cells of each family; NaN is left out."""
    names = np.array(families)
    return {
        family: mean_of_defined(values[..., names == family]) for family in dict.fromkeys(families)
    }
