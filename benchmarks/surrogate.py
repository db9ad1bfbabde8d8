"""A model of the table of ``replay_table.py``: what a training at any point of its space scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor

from bcauto.space.dimensions import Range
from bcauto.space.space import Space

__all__ = ["Surrogate", "Training"]

_BASE, _LONG = 1, 3  # lengths, as in the table
_TREES = 100


@dataclass(frozen=True)
class Training:
    """What one training comes to.

    Attributes:
        epochs: the score after each epoch, with the noise of a real one.
        objective: the final score, with noise.
        held_out: what the recipe scores on held-out families, on average over trainings.
        cpu_seconds: of the whole training.
    """

    epochs: np.ndarray
    objective: float
    held_out: float
    cpu_seconds: float


class Surrogate:
    """Trees fitted on the table, one model for each length.

    A training's noise is the out-of-bag error of a random row, all its columns together, so that
    epochs, objective and time belong to each other as in a real training. The held-out score is the
    trees' mean without noise: what a scheme is judged by is the recipe, not its luck.
    """

    def __init__(self, space: Space, table: Path) -> None:
        rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
        self.space = space
        self._models = {
            length: _Model(
                np.array([self._features(row["point"]) for row in chosen]),
                np.array([_columns(row) for row in chosen]),
            )
            for length in (_BASE, _LONG)
            if (chosen := [row for row in rows if row["length"] == length])
        }

    def train(self, point: Mapping[str, Any], length: int, random: np.random.Generator) -> Training:
        """Return what training a point at a length comes to."""
        model = self._models[length]
        expected = model.expect(self._features(point))
        noisy = expected + model.noise(random)
        return Training(
            epochs=np.clip(noisy[3:], 0.0, 1.0),
            objective=float(np.clip(noisy[0], 0.0, 1.0)),
            held_out=float(expected[1]),
            cpu_seconds=float(np.exp(expected[2])),
        )

    def quality(self) -> dict[int, tuple[int, float, float]]:
        """Return, by length, the rows and the out-of-bag Spearman of objective and held out."""
        return {length: model.quality() for length, model in self._models.items()}

    def _features(self, point: Mapping[str, Any]) -> list[float]:
        """Return a point as numbers: logarithms where the range is one, a column for a choice."""
        features: list[float] = []
        for name, dimension in self.space.search.items():
            value = point.get(name)
            if isinstance(dimension, Range):
                assert value is not None, name
                features.append(float(np.log(value) if dimension.log else value))
            elif len(dimension.options) > 1:
                features += [float(value == label) for label in dimension.options]
        return features


class _Model:
    def __init__(self, features: np.ndarray, columns: np.ndarray) -> None:
        trees = ExtraTreesRegressor(
            _TREES, bootstrap=True, oob_score=True, min_samples_leaf=2, random_state=0
        )
        self._trees = trees.fit(features, columns)
        self._columns = columns
        self._errors = columns - trees.oob_prediction_

    def expect(self, features: Sequence[float]) -> np.ndarray:
        row = np.array([features], np.float32)  # scikit-learn's own way takes 20 ms for one row
        found = [tree.tree_.predict(row).ravel() for tree in self._trees.estimators_]
        expected: np.ndarray = np.mean(found, axis=0)
        return expected

    def noise(self, random: np.random.Generator) -> np.ndarray:
        row: np.ndarray = self._errors[random.integers(len(self._errors))]
        return row

    def quality(self) -> tuple[int, float, float]:
        found = self._trees.oob_prediction_
        ranks = [spearmanr(self._columns[:, k], found[:, k]).statistic for k in (0, 1)]
        return len(self._columns), ranks[0], ranks[1]


def _columns(row: Mapping[str, Any]) -> list[float]:
    head = [row["objective"], row["held_out"], np.log(row["cpu_seconds"])]
    return [*head, *row["epochs"]]
