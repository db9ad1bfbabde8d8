"""The optimizer of a stage, and the learning rate of each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import CosineDecay, ExponentialDecay
from numpy.typing import NDArray

from bcauto.recipe.training import Training

__all__ = ["learning_rates", "make_optimizer"]

_OPTIMIZERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "adam": keras.optimizers.Adam,
        "adamw": lambda weight_decay, **settings: keras.optimizers.AdamW(
            weight_decay=weight_decay or 0.0, **settings
        ),
        "lion": keras.optimizers.Lion,
        "sgd": lambda **settings: keras.optimizers.SGD(momentum=0.9, nesterov=True, **settings),
    }
)


def make_optimizer(training: Training, rate: float, variables: Sequence[Any]) -> Any:
    """Return the optimizer that a recipe names, whose learning rate can be set.

    Variables of one axis (biases, and the scales and offsets of normalization) do not decay.

    Args:
        training: optimizer, weight decay, gradient clipping.
        rate: the learning rate to start with.
        variables: what it will train.
    """
    optimizer = _OPTIMIZERS[training.optimizer](
        learning_rate=rate,
        weight_decay=training.weight_decay or None,
        global_clipnorm=training.gradient_clipping or None,
    )
    optimizer.exclude_from_weight_decay([v for v in variables if len(v.shape) <= 1])
    return optimizer


def learning_rates(training: Training, rate: float, steps: int) -> NDArray[np.floating]:
    """Return the learning rate of each step of a stage, (steps,).

    During the warm-up it rises from 0 in equal steps, as in Keras' ``CosineDecay``. Then it falls
    from ``rate`` to the share ``decay_to`` of it, which the step after the last would reach. With
    ``reduce_on_plateau`` the array ends with the first step after the warm-up.

    Args:
        training: schedule and warm-up.
        rate: of the stage, at its highest.
        steps: in the whole stage, 1 or more.
    """
    warmup = int(training.warmup * steps)
    after = np.arange(steps - warmup, dtype=np.float32)
    if training.schedule == "cosine":
        decay = CosineDecay(rate, len(after), alpha=training.decay_to)
        falling = keras.ops.convert_to_numpy(decay(after))
    elif training.schedule == "exponential":
        decay = ExponentialDecay(rate, len(after), training.decay_to)
        falling = keras.ops.convert_to_numpy(decay(after))
    elif training.schedule == "reduce_on_plateau":
        falling = np.array([rate])
    else:
        falling = np.full(len(after), rate)
    return np.concatenate([np.linspace(0, rate, warmup, endpoint=False), falling])
