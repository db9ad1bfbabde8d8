"""The metrics that a corruption at a severity is scored by, with many weightings at once.

Each takes weights (w, k), the true classes (k,) and the probabilities (k, classes) of k images, and
returns (w,) values of 0 to 1: scikit-learn's metric of the same name, where each image counts as
often as its weight says. Weights are whole numbers, so that sums are exact and do not depend on the
number of threads that add them up. NaN stands for a value that is not defined, such as the accuracy
of no images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["METRICS", "Floats", "Metric", "mean_of_defined", "measure"]

Metric = Literal["accuracy", "balanced_accuracy", "macro_f1", "auc"]
Floats: TypeAlias = npt.NDArray[np.float64]
_Labels: TypeAlias = npt.NDArray[np.int64]
_Probabilities: TypeAlias = npt.NDArray[np.floating]


def measure(metric: Metric, truth: _Labels, probabilities: _Probabilities) -> float:
    """Return the metric of k images, each counted once.

    Args:
        metric: which one.
        truth: (k,) int64, the true classes.
        probabilities: (k, classes).

    """
    return float(METRICS[metric](np.ones((1, len(truth))), truth, probabilities)[0])


def mean_of_defined(values: Floats) -> Floats:
    """Return the mean over the last axis of the values that are not NaN; NaN if all are."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _accuracy(weights: Floats, truth: _Labels, probabilities: _Probabilities) -> Floats:
    """Return the share of images whose most probable class is the true one."""
    right = probabilities.argmax(axis=1) == truth
    return _ratio(weights @ right.astype(np.float64), weights.sum(axis=1))


def _balanced_accuracy(weights: Floats, truth: _Labels, probabilities: _Probabilities) -> Floats:
    """Return the mean recall over the classes that are present."""
    true, predicted = _indicators(truth, probabilities)
    return mean_of_defined(_ratio(weights @ (true * predicted), weights @ true))


def _macro_f1(weights: Floats, truth: _Labels, probabilities: _Probabilities) -> Floats:
    """Return the mean F1 over the true classes that are present; 0 for one never predicted."""
    true, predicted = _indicators(truth, probabilities)
    hits, present = weights @ (true * predicted), weights @ true
    f1 = _ratio(2.0 * hits, present + weights @ predicted)
    return mean_of_defined(np.where(present > 0, f1, np.nan))


def _auc(weights: Floats, truth: _Labels, probabilities: _Probabilities) -> Floats:
    """Return the mean one-against-the-rest AUC over the classes that are present, and not alone."""
    classes = np.unique(truth)
    each = [_binary_auc(weights, truth == c, probabilities[:, c]) for c in classes]
    return mean_of_defined(np.stack(each, axis=-1))


def _binary_auc(
    weights: Floats, positive: npt.NDArray[np.bool_], score: npt.NDArray[np.floating]
) -> Floats:
    """Return the share of pairs in which the positive image scores higher; a tie counts half."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    ties = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # where equal scores begin
    weighted, is_positive = weights[:, order], positive[order]
    positives = np.add.reduceat(weighted * is_positive, ties, axis=1)
    negatives = np.add.reduceat(weighted * ~is_positive, ties, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    won = (positives * (below + negatives / 2.0)).sum(axis=1)
    return _ratio(won, positives.sum(axis=1) * negatives.sum(axis=1))


def _indicators(truth: _Labels, probabilities: _Probabilities) -> tuple[Floats, Floats]:
    """Return the one-hot true classes and the one-hot predictions, (k, classes) each."""
    one_hot = np.eye(probabilities.shape[1])
    return one_hot[truth], one_hot[probabilities.argmax(axis=1)]


def _ratio(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Floats:
    """Return ``part / whole``, elementwise; NaN where the whole is 0."""
    ratio = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratio, where=np.greater(whole, 0))
    return ratio


METRICS: Mapping[Metric, Callable[[Floats, _Labels, _Probabilities], Floats]] = MappingProxyType(
    {
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "macro_f1": _macro_f1,
        "auc": _auc,
    }
)
