"""Pictures that are far from the others: by Mahalanobis distance, and from the class mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Labels
from bcauto.inspection.collection import Indices

__all__ = ["Outliers", "class_mean_outliers", "mahalanobis_outliers"]

Floats = NDArray[Any]

_FAR = 4.5
"""Robust standard deviations of the distance's logarithm beyond which a picture is called far."""


@dataclass(frozen=True, eq=False)
class Outliers:
    """Pictures by a distance, the farthest first.

    Attributes:
        numbers: (m,) of the pictures.
        distances: (m,) falling.
        far: how many of them, from the first on, are farther than chance lets expect.
    """

    numbers: Indices
    distances: Floats
    far: int


def mahalanobis_outliers(components: Floats, among: Indices) -> Outliers:
    """Return pictures by their Mahalanobis distance from the mean in the space of components.

    The covariance is shrunk as Ledoit and Wolf did (Journal of Multivariate Analysis 88, 2004).

    Args:
        components: (n, c) principal components.
        among: the numbers of the pictures, each content once: many copies of one picture would
            make it usual.
    """
    from sklearn.covariance import LedoitWolf

    rows = components[among]
    squared = LedoitWolf().fit(rows).mahalanobis(rows)
    return _ranked(np.sqrt(np.maximum(squared, 0)), among)


def class_mean_outliers(components: Floats, labels: Labels, among: Indices) -> Outliers:
    """Return pictures by their distance from the mean of their class.

    It is divided by the median distance in the class, or a class of many kinds of pictures would
    take all the first places.

    Args:
        components: (n, c) principal components.
        labels: (n,) of all pictures.
        among: the numbers of the pictures, each content once.
    """
    rows, of_row = components[among], labels[among]
    distances = np.zeros(len(among))
    for label in np.unique(of_row):
        here = of_row == label
        found = np.linalg.norm(rows[here] - np.median(rows[here], axis=0), axis=1)
        distances[here] = found / max(float(np.median(found)), 1e-9)
    return _ranked(distances, among)


def _ranked(distances: Floats, among: Indices) -> Outliers:
    order = np.argsort(-distances, kind="stable")
    logs = np.log(np.maximum(distances, 1e-9))
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle))  # a standard deviation, if it is normal
    far = int((logs > middle + _FAR * spread).sum()) if spread > 0 else 0
    return Outliers(among[order], distances[order], far)
