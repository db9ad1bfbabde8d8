"""The optimizer of a stage, and the rate at each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import CosineDecay, ExponentialDecay
from numpy.typing import NDArray

from bcauto.recipe.recipe import Training

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
    """The optimizer that a recipe names, for these variables, with a rate that can be set.

    Weights of one axis (biases, and what norms scale and shift by) do not decay.
    """
    optimizer = _OPTIMIZERS[training.optimizer](
        learning_rate=rate,
        weight_decay=training.weight_decay or None,
        global_clipnorm=training.gradient_clipping or None,
    )
    optimizer.exclude_from_weight_decay([one for one in variables if len(one.shape) <= 1])
    return optimizer


def learning_rates(training: Training, rate: float, steps: int) -> NDArray[np.floating]:
    """The rate of each step of a stage, (steps,); it ends with the warm-up if plateaus reduce it.

    It rises from 0 in equal steps, as in Keras' ``CosineDecay``, then falls from ``rate`` to the
    recipe's share of it, which the step after the last would reach.

    Args:
        training: schedule and warm-up.
        rate: of the stage, at its highest.
        steps: in the whole stage, 1 or more.
    """
    rising = int(training.warmup * steps)
    since = np.arange(steps - rising, dtype=np.float32)
    if training.schedule == "cosine":
        decay = CosineDecay(rate, len(since), alpha=training.decay_to)
        falling = keras.ops.convert_to_numpy(decay(since))
    elif training.schedule == "exponential":
        decay = ExponentialDecay(rate, len(since), training.decay_to)
        falling = keras.ops.convert_to_numpy(decay(since))
    elif training.schedule == "reduce_on_plateau":
        falling = np.array([rate])
    else:
        falling = np.full(len(since), rate)
    return np.concatenate([np.linspace(0, rate, rising, endpoint=False), falling])
