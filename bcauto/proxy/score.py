"""Scores a model's predictions for the proxy: by corruption, by family, and the objective.

The objective has an interval and a standard error by the bootstrap (Efron 1979). The validation
images are resampled, each with all its corrupted copies: the copies of one image are right or wrong
together, so that an interval from resampling single copies would be too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bcauto.proxy.metrics import METRICS, Floats, measure
from bcauto.proxy.objective import combine, means_by_family
from bcauto.proxy.proxy import Integers, Proxy
from bcauto.seeds import generator

__all__ = ["ProxyScore", "score", "score_probe"]

Probabilities = npt.NDArray[np.floating]

_RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class ProxyScore:
    """How good predictions for the proxy are, and how uncertain that is; values are in 0..1.

    The interval and the standard error are for this very model: a training on another seed may
    well lie outside. Predictions that are all right have an interval of zero width. Where a
    corruption at a severity has only one or two images of some class, the intervals of balanced
    accuracy and of AUC are a little narrow: they held 90 of 100 in a simulation with such classes.
    The worst of several equally good families is, like the least of any noisy values, lower than
    each of them really is, and so is its interval.

    Attributes:
        objective: the proxy's objective, of the corruptions that are not held out.
        interval: contains, in 95 of 100 cases, the mean of the objective over other validation
            sets of the same size.
        standard_error: the objective's standard deviation over resamples.
        corruptions: the metric by the name of the corruption at its severity, held-out ones too.
        families: the mean over its corruptions, of each family that the objective counts.
        held_out: the same of each family that is held out.

    """

    objective: float
    interval: tuple[float, float]
    standard_error: float
    corruptions: dict[str, float]
    families: dict[str, float]
    held_out: dict[str, float]


def score(proxy: Proxy, probabilities: Probabilities) -> ProxyScore:
    """Return the score of the probabilities predicted for ``proxy.images``.

    Equal probabilities give equal scores, interval included.

    Args:
        proxy: what was predicted.
        probabilities: (m, classes), for the m images of the proxy.

    Raises:
        ValueError: the probabilities have another shape.

    """
    _check_shape(probabilities, proxy.labels)
    once = np.ones((1, proxy.base_images))
    weights = np.concatenate([once, _resamples(proxy.base_images)])
    values = _by_corruption(proxy, probabilities, weights)
    families = [each.family for each in proxy.corruptions]
    searched = np.array([family not in proxy.held_out for family in families])
    counted = [family for family in families if family not in proxy.held_out]
    objective, *resampled = combine(proxy.objective, values[:, searched], counted)
    low, high = np.nanpercentile(np.array(resampled), _PERCENTILES).tolist()
    names = (each.name for each in proxy.corruptions)
    means = {name: float(mean) for name, mean in means_by_family(values[0], families).items()}
    return ProxyScore(
        objective=float(objective),
        interval=(low, high),
        standard_error=float(np.nanstd(resampled, ddof=1)),
        corruptions=dict(zip(names, values[0].tolist(), strict=True)),
        families={family: means[family] for family in dict.fromkeys(counted)},
        held_out={family: means[family] for family in proxy.held_out},
    )


def score_probe(proxy: Proxy, probabilities: Probabilities) -> float:
    """Return the score of the probabilities predicted for the probe, in 0..1.

    It estimates the objective, since the probe is spread evenly over what the objective counts: it
    is the metric of the whole probe or, where the objective compares families, of each family's
    part of it.

    Args:
        proxy: what was predicted.
        probabilities: (n, classes), for ``proxy.images[proxy.probe]``.

    Raises:
        ValueError: the probabilities have another shape.

    """
    labels = proxy.labels[proxy.probe]
    _check_shape(probabilities, labels)
    if proxy.objective == "mean_of_corruptions":
        return measure(proxy.metric, labels, probabilities)
    families = np.array([each.family for each in proxy.corruptions])
    family = families[proxy.corruption[proxy.probe]]
    names = np.unique(family).tolist()
    parts = (family == name for name in names)
    values = [measure(proxy.metric, labels[part], probabilities[part]) for part in parts]
    return float(combine(proxy.objective, np.array(values), names))


def _check_shape(probabilities: Probabilities, labels: Integers) -> None:
    n, classes = len(labels), int(labels.max()) + 1
    shape = probabilities.shape
    if len(shape) != 2 or shape[0] != n or shape[1] < classes:
        rule = f"probabilities must have shape ({n}, {classes} or more)"
        raise ValueError(f"{rule}, got {shape}")


def _resamples(images: int) -> Floats:
    """Return how often each image is in each resample with replacement, (resamples, images)."""
    sampled = generator(0, "bootstrap").integers(images, size=(_RESAMPLES, images))
    flat = sampled + images * np.arange(_RESAMPLES)[:, None]
    counts = np.bincount(flat.ravel(), minlength=_RESAMPLES * images)
    return counts.reshape(_RESAMPLES, images).astype(np.float64)


def _by_corruption(proxy: Proxy, probabilities: Probabilities, weights: Floats) -> Floats:
    """Return the metric for each corruption, (w, corruptions), by weights (w, n) of base images."""
    metric = METRICS[proxy.metric]
    columns = []
    for place in range(len(proxy.corruptions)):
        copies = np.flatnonzero(proxy.corruption == place)
        of_copies = weights[:, proxy.base[copies]]
        columns.append(metric(of_copies, proxy.labels[copies], probabilities[copies]))
    return np.stack(columns, axis=-1)
