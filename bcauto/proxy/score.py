"""What a model's predictions are worth: accuracy by cell, by family, and their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bcauto.proxy.proxy import Proxy

__all__ = ["ProxyScore", "score", "score_probe"]


@dataclass(frozen=True)
class ProxyScore:
    """Accuracies of 0 to 1.

    ``objective`` is the mean over the cells that are not held out. ``cells`` holds every cell by
    name, ``families`` and ``held_out`` the mean over the cells of each family searched on and held
    out.
    """

    objective: float
    cells: dict[str, float]
    families: dict[str, float]
    held_out: dict[str, float]


def score(proxy: Proxy, predicted: npt.NDArray[np.integer]) -> ProxyScore:
    """The score of the labels predicted for ``proxy.images``, (m,) integers.

    ValueError for predictions of another shape.
    """
    right = _right(predicted, proxy.labels)
    hits = np.bincount(proxy.cell, weights=right, minlength=len(proxy.cells))
    accuracy = hits / np.bincount(proxy.cell, minlength=len(proxy.cells))
    by_family: dict[str, list[float]] = {}
    for cell, value in zip(proxy.cells, accuracy.tolist(), strict=True):
        by_family.setdefault(cell.family, []).append(value)
    searched = [family for family in by_family if family not in proxy.held_out]
    return ProxyScore(
        objective=_mean([value for family in searched for value in by_family[family]]),
        cells={
            cell.name: value for cell, value in zip(proxy.cells, accuracy.tolist(), strict=True)
        },
        families={family: _mean(by_family[family]) for family in searched},
        held_out={family: _mean(by_family[family]) for family in proxy.held_out},
    )


def score_probe(proxy: Proxy, predicted: npt.NDArray[np.integer]) -> float:
    """The accuracy of the labels predicted for ``proxy.images[proxy.probe]``, (n,) integers.

    It estimates the objective, since the probe is spread evenly over the objective's cells.
    ValueError for predictions of another shape.
    """
    return float(_right(predicted, proxy.labels[proxy.probe]).mean())


def _right(
    predicted: npt.NDArray[np.integer], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    if predicted.shape != labels.shape:
        raise ValueError(f"predictions must have shape {labels.shape}, got {predicted.shape}")
    right: npt.NDArray[np.bool_] = predicted == labels
    return right


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
