"""The weights averaged over the steps of a stage, which is scored and kept in their place.

The mean of the last steps is often a better model than the last step is, above all on pictures
unlike those trained on (Izmailov et al. 2018; Arpit et al. 2022), and costs no training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["WeightAverage", "decay_at"]

_EVERY = 10  # steps


def decay_at(step: int, decay: float) -> float:
    """Return the share of the average that a step keeps, in 0..``decay``.

    It rises as ``(1 + step) / (10 + step)``, as in TensorFlow's ``ExponentialMovingAverage``. So
    the average goes back over about a ninth of the steps made so far, and at most over
    ``1 / (1 - decay)``: the weights that a stage began with are forgotten within ten steps, and
    its first epochs, whose scores may prune the trial, are not scored by weights of long before.
    (Adam's correction of such a bias would weigh all steps of those epochs alike.)

    Args:
        step: steps made before it.
        decay: in 0..1, at its highest.
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverage:
    """The exponential moving average of a model's weights over the steps of one stage.

    All weights are averaged: those that train, and BatchNorm's moving statistics, which Keras'
    ``SwapEMAWeights`` leaves as they are. What does not change stays the same to the bit.

    Reading the weights takes a fifth of a step of a small network, so only every tenth step is
    read, and the last of an epoch. Weights of neighbouring steps hardly differ.

    Args:
        model: its weights now count as the average before the first step.
        decay: of each step, in 0..1; 0 averages nothing: the average is the weights as they are.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self.decay = decay
        floats = [weight for weight in model.weights if "float" in weight.dtype]
        self.weights = floats if decay else []
        self.averages = self._values()
        self.steps = self.steps_read = 0

    def on_step_end(self) -> None:
        """Count a step, and read the weights if it is a tenth one."""
        self.steps += 1
        if self.steps - self.steps_read == _EVERY:
            self._read()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model its averaged weights while the context is open."""
        self._read()
        trained = self._values()
        self._assign(self.averages)
        yield
        self._assign(trained)

    def put_in(self) -> None:
        """Give the model its averaged weights for good."""
        self._assign(self.averages)

    def _read(self) -> None:
        """Take the weights into the average, as those of all steps since they were last read."""
        kept = decay_at(self.steps_read, self.decay) ** (self.steps - self.steps_read)
        for average, value in zip(self.averages, self._values(), strict=True):
            average += (1 - kept) * (value - average)
        self.steps_read = self.steps

    def _values(self) -> list[NDArray[np.floating]]:
        return [weight.numpy() for weight in self.weights]

    def _assign(self, values: list[NDArray[np.floating]]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)
