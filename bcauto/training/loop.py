"""The loop over epochs and batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bcauto.errors import TrialFailed
from bcauto.training.accumulation import train_in_parts
from bcauto.training.stages import Stage
from bcauto.trial import StageRecord

__all__ = ["Epochs", "Trained", "train_stage"]


@dataclass(frozen=True)
class Trained:
    """A trained classifier of 0-255 RGB as it is handed over, and what each of its stages did."""

    model: Any
    trainable_parameters: int
    stages: list[StageRecord]


class Epochs(Protocol):
    """The batches of every epoch."""

    def epoch(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Images and targets of each batch of an epoch."""
        ...


def train_stage(
    stage: Stage,
    batches: Epochs,
    callbacks: Any,
    report: Callable[[int], dict[str, float]],
    after: int,
) -> int:
    """Trains a stage after so many epochs; the number of its last one.

    Epochs are counted as they are trained, so that a stage that stops early leaves no gap: the
    number of an epoch says how long a trial has trained, whatever it had planned.
    """
    model = callbacks.model
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(after + 1, after + stage.epochs + 1):
        loss = _train_epoch(model, batches.epoch(epoch), callbacks, stage.accumulate)
        if not math.isfinite(loss):
            raise TrialFailed(f"the loss is {loss} after epoch {epoch} ({stage.name} stage)")
        callbacks.on_epoch_end(epoch - after - 1, report(epoch))
        if model.stop_training:
            break
    callbacks.on_train_end()
    return epoch


def _train_epoch(
    model: Any, batches: Iterator[tuple[Any, Any]], callbacks: Any, accumulate: int
) -> float:
    """One pass over the training images, a step for each batch; its mean loss.

    Batch by batch rather than by ``fit``, whose TensorFlow iterator costs up to a second of
    waiting whenever it is torn down, and which would compile the last, smaller batch.
    """
    model.reset_metrics()
    for step, (images, targets) in enumerate(batches):
        callbacks.on_train_batch_begin(step)
        losses = train_in_parts(model, images, targets, accumulate)
    return float(np.ravel(losses)[0])  # metrics are behind it
