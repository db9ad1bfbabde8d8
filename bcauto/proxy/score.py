"""What a model's predictions are worth: the metric by cell, by family, and the objective.

The objective has an interval and a standard error by the bootstrap (Efron 1979). What is resampled
are the validation images, each with all its corrupted copies: the copies of one image are right or
wrong together, so that resampling copy by copy would make the interval too narrow.
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
    """The proxy's metric, in 0..1: values, and how far chance in the validation images moves them.

    ``objective`` is what the proxy's objective makes of the cells that are not held out.
    ``interval`` holds, in 95 of 100 cases, what it would be on average over other validation sets
    of the same size; ``standard_error`` is its standard deviation over resamples. Both are for this
    very model: a training on another seed may well lie outside. ``cells`` holds every cell by name,
    ``families`` and ``held_out`` the mean over the cells of each family searched on and held out.

    Predictions that are all right have an interval of no width. Where a cell has but one or two
    images of some class, the intervals of balanced accuracy and of AUC are a little narrow: they
    held 90 of 100 in a simulation with such classes. The worst of several families that are as
    good as each other is, like any least of noisy values, lower than each of them in truth is, and
    so is its interval.
    """

    objective: float
    interval: tuple[float, float]
    standard_error: float
    cells: dict[str, float]
    families: dict[str, float]
    held_out: dict[str, float]


def score(proxy: Proxy, probabilities: Probabilities) -> ProxyScore:
    """The score of the probabilities (m, classes) predicted for ``proxy.images``.

    Equal probabilities give equal scores, interval included. ValueError for another shape.
    """
    _check_shape(probabilities, proxy.labels)
    once = np.ones((1, proxy.base_images))
    values = _by_cell(proxy, probabilities, np.concatenate([once, _resamples(proxy.base_images)]))
    families = [cell.family for cell in proxy.cells]
    searched = np.array([family not in proxy.held_out for family in families])
    counted = [family for family in families if family not in proxy.held_out]
    objective, *resampled = combine(proxy.objective, values[:, searched], counted)
    means = {name: float(mean) for name, mean in means_by_family(values[0], families).items()}
    names = (cell.name for cell in proxy.cells)
    return ProxyScore(
        objective=float(objective),
        interval=_interval(np.array(resampled)),
        standard_error=float(np.nanstd(resampled, ddof=1)),
        cells=dict(zip(names, values[0].tolist(), strict=True)),
        families={family: means[family] for family in dict.fromkeys(counted)},
        held_out={family: means[family] for family in proxy.held_out},
    )


def score_probe(proxy: Proxy, probabilities: Probabilities) -> float:
    """The score of the probabilities (n, classes) predicted for ``proxy.images[proxy.probe]``.

    It estimates the objective, since the probe is spread evenly over the objective's cells: by the
    metric of the probe as a whole, or of each family's part where families are compared.
    ValueError for another shape.
    """
    labels = proxy.labels[proxy.probe]
    _check_shape(probabilities, labels)
    if proxy.objective == "mean_of_cells":
        return measure(proxy.metric, labels, probabilities)
    family = np.array([cell.family for cell in proxy.cells])[proxy.cell[proxy.probe]]
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
    """(resamples, images): how often each image is drawn, with replacement."""
    drawn = generator(0, "bootstrap").integers(images, size=(_RESAMPLES, images))
    flat = drawn + images * np.arange(_RESAMPLES)[:, None]
    counts = np.bincount(flat.ravel(), minlength=_RESAMPLES * images)
    return counts.reshape(_RESAMPLES, images).astype(np.float64)


def _by_cell(proxy: Proxy, probabilities: Probabilities, weights: Floats) -> Floats:
    """(w, cells): the metric in each cell, with weights (w, n) of the n base images."""
    metric = METRICS[proxy.metric]
    inside = (np.flatnonzero(proxy.cell == place) for place in range(len(proxy.cells)))
    columns = [metric(weights[:, proxy.base[i]], proxy.labels[i], probabilities[i]) for i in inside]
    return np.stack(columns, axis=-1)


def _interval(values: Floats) -> tuple[float, float]:
    low, high = np.nanpercentile(values, _PERCENTILES).tolist()
    return low, high
