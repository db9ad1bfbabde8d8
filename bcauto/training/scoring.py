"""How good a model is: on the probe after every epoch, on the whole proxy at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from bcauto.data.dataset import Dataset
from bcauto.proxy.metrics import Metric, measure
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score, score_probe
from bcauto.recipe.training import Training
from bcauto.trial import Report, Scores

__all__ = ["BATCH", "EpochReporter", "predict_probabilities", "score_model"]

BATCH = 128
"""Pictures that a model predicts at once; fewer are filled up to it."""


def score_model(model: Any, data: Dataset, proxy: Proxy) -> tuple[float, Scores]:
    """Return the objective of a model, in 0..1, and all that it scored.

    Args:
        model: a Keras classifier of 0-255 RGB.
        data: its validation images are scored as they are.
        proxy: the objective is the score on it.
    """
    found = score(proxy, predict_probabilities(model, proxy.images))
    predicted = predict_probabilities(model, data.val.images)
    metrics: tuple[Metric, ...] = ("accuracy", proxy.metric)
    scores = Scores(
        interval=found.interval,
        standard_error=found.standard_error,
        corruptions=found.corruptions,
        families=found.families,
        held_out=found.held_out,
        clean={metric: measure(metric, data.val.labels, predicted) for metric in metrics},
    )
    return found.objective, scores


class EpochReporter:
    """Scores a trial's model after every epoch, and reports the score.

    Args:
        data: its validation images are scored where the training monitors them.
        proxy: its probe gives the score that is reported.
        training: names what its callbacks monitor.
        report: is told each epoch and its score.
    """

    def __init__(self, data: Dataset, proxy: Proxy, training: Training, report: Report) -> None:
        self.data, self.proxy, self.monitor, self.report = data, proxy, training.monitor, report
        self.scores: list[float] = []

    def on_epoch_end(self, model: Any, epoch: int) -> dict[str, float]:
        """Report the epoch, counted from 1, and return the ``logs`` that callbacks monitor."""
        objective = _score_on_probe(model, self.proxy)
        self.report(epoch, objective)
        self.scores.append(objective)
        if self.monitor == "objective":
            return {self.monitor: objective}
        val = self.data.val
        clean = measure(self.monitor, val.labels, predict_probabilities(model, val.images))
        return {self.monitor: clean}

    def report_again(self, scores: list[float]) -> None:
        """Report the scores of the epochs that an earlier try of the trial has trained."""
        for epoch, known in enumerate(scores, 1):
            self.report(epoch, known)
        self.scores += scores


def _score_on_probe(model: Any, proxy: Proxy) -> float:
    return score_probe(proxy, predict_probabilities(model, proxy.images[proxy.probe]))


def predict_probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the probability of each class for each image.

    Args:
        model: a Keras classifier of 0-255 RGB.
        images: (n, h, w, 3) uint8.

    Returns:
        (n, classes), of the model's float type.
    """
    predicted = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        missing = BATCH - len(batch)  # filled up, so that only one shape is compiled
        padded = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
        predicted.append(np.asarray(model.predict_on_batch(padded))[: len(batch)])
    return np.concatenate(predicted)
