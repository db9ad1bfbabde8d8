"""Gradient accumulation: a batch in parts, one after another, whose mean gradient is one step.

Keras' ``gradient_accumulation_steps`` clips the mean gradient, decays the weights once, and counts
Adam's steps by it, as it should be. Three things it gets wrong: a ``LearningRateSchedule`` and a
moving average of the weights go by parts; and after a part whose gradient is no number, which loss
scaling leaves out, every step is made of parts of two batches. The first and the last are mended
here, and an optimizer with the second is left as it is.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule
from numpy.typing import NDArray

__all__ = ["accumulate_gradients", "can_accumulate", "train_in_parts"]

_MEANS = ("sum_over_batch_size", "mean")  # Keras' names for the mean over a batch


def accumulate_gradients(optimizer: Any, parts: int) -> None:
    """Have an optimizer that has made no step yet make each one of so many parts, 1 or more."""
    if parts == 1:
        return
    optimizer.gradient_accumulation_steps = parts * (optimizer.gradient_accumulation_steps or 1)
    for value in list(vars(optimizer).values()):  # Keras has no getter of a schedule
        if isinstance(value, LearningRateSchedule):
            optimizer.learning_rate = _ByStep(value, parts)


def can_accumulate(model: Any) -> bool:
    """Whether a compiled model can train in parts as it would on whole batches.

    Its optimizer must apply gradients as Keras does, without a moving average of the weights, and
    its loss be a mean over the batch.
    """
    optimizer = model.optimizer
    plain = type(optimizer).apply is keras.optimizers.Optimizer.apply and not optimizer.use_ema
    return plain and getattr(model.loss, "reduction", "mean") in _MEANS


def train_in_parts(model: Any, images: NDArray[Any], targets: NDArray[Any], parts: int) -> Any:
    """Make one step of a compiled model on a batch of at least so many pictures.

    Parts that differ in size, by one picture, weigh as much as they have pictures.

    Returns:
        What ``train_on_batch`` gives after the last part: means of the epoch so far.
    """
    if parts == 1:
        return model.train_on_batch(images, targets)
    pieces = np.array_split(images, parts), np.array_split(targets, parts)
    for some, their_targets in zip(*pieces, strict=True):
        share = len(some) * parts / len(images)
        weights = None if len(images) % parts == 0 else np.full(len(some), share, np.float32)
        losses = model.train_on_batch(some, their_targets, weights)
    _drop_unfinished(model.optimizer)
    return losses


class _ByStep(LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
    """A schedule that is asked after every part of a step."""

    def __init__(self, schedule: Any, parts: int) -> None:
        self.schedule, self.parts = schedule, parts

    def __call__(self, step: Any) -> Any:
        return self.schedule(keras.ops.floor_divide(step, self.parts))


def _drop_unfinished(optimizer: Any) -> None:
    """Leave out the whole step where loss scaling left out a part, as it would the whole batch.

    A step is unfinished where Keras has counted parts since the last one. Keras shows that count,
    and the sums of gradients, only among the optimizer's variables.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return
    inner = optimizer.inner_optimizer
    [counted] = [variable for variable in inner.variables if variable.name == "iteration"]
    if unfinished := int(counted) % inner.gradient_accumulation_steps:
        counted.assign_sub(unfinished)
        for variable in inner.variables:
            if variable.name.endswith("_gradient_accumulator"):
                variable.assign(keras.ops.zeros_like(variable))
