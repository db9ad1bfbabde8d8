"""The training loop: the epochs of a stage, and the steps of an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bcauto.errors import TrialFailed
from bcauto.training.accumulation import train_in_parts
from bcauto.training.averaging import WeightAverage
from bcauto.training.stages import Stage
from bcauto.trial import StageRecord

__all__ = ["Epochs", "Trained", "check_finite", "train_stage"]


@dataclass(frozen=True)
class Trained:
    """A trained classifier of 0-255 RGB, ready to be saved, and the records of its stages."""

    model: Any
    trainable_parameters: int
    stages: list[StageRecord]


class Epochs(Protocol):
    """Gives the batches of every epoch."""

    def epoch(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Yield the images and targets of each batch of an epoch, which counts from 1."""
        ...


def train_stage(
    stage: Stage,
    batches: Epochs,
    callbacks: Any,
    report: Callable[[int], dict[str, float]],
    after: int,
) -> int:
    """Train a stage; return the number of its last epoch.

    Epochs are numbered over all stages as they are trained, so that a stage that stops early leaves
    no gap: an epoch's number says for how long the trial has trained.

    Where the stage averages its weights, each epoch is reported, and the stage ends, with the
    averaged ones, while training goes on from those of the last step.

    Args:
        stage: how many epochs at most, in how many micro-batches a step, whether averaged.
        batches: what to train on.
        callbacks: a Keras ``CallbackList`` with the compiled model.
        report: reports an epoch that ended, and returns the ``logs`` for the callbacks.
        after: epochs that were trained before this stage.

    Raises:
        TrialFailed: the loss is no longer a number.
    """
    model = callbacks.model
    model.stop_training = False
    average = WeightAverage(model, stage.weight_average)
    callbacks.on_train_begin()
    for epoch in range(after + 1, after + stage.epochs + 1):
        loss = _train_epoch(model, batches.epoch(epoch), callbacks, stage.accumulate, average)
        check_finite(loss, epoch, stage.name)
        with average.in_place():
            callbacks.on_epoch_end(epoch - after - 1, report(epoch))
        if model.stop_training:
            break
    average.put_in()
    callbacks.on_train_end()  # may restore the weights of the best epoch
    return epoch


def check_finite(loss: float, epoch: int, stage: str) -> None:
    """Raise TrialFailed if the loss at the end of an epoch is not a finite number."""
    if not math.isfinite(loss):
        raise TrialFailed(f"the loss is {loss} after epoch {epoch} ({stage} stage)")


def _train_epoch(
    model: Any,
    batches: Iterator[tuple[Any, Any]],
    callbacks: Any,
    accumulate: int,
    average: WeightAverage,
) -> float:
    """Train one step on each batch; return the loss of the last.

    ``fit`` is not used: its TensorFlow iterator takes up to a second whenever it is torn down, and
    it would compile the model once more for a last, smaller batch.
    """
    model.reset_metrics()
    for step, (images, targets) in enumerate(batches):
        callbacks.on_train_batch_begin(step)
        losses = train_in_parts(model, images, targets, accumulate)
        average.on_step_end()
    return float(np.ravel(losses)[0])  # metrics follow it
