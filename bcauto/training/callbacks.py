"""The Keras callbacks of a stage: learning rate, plateaus, early stopping, best weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.recipe.training import Training
from bcauto.training.optimizers import learning_rates
from bcauto.training.stages import Stage

__all__ = ["early_stopping", "make_callbacks"]


def make_callbacks(model: Any, training: Training, stage: Stage, steps: int) -> Any:
    """Return the callbacks of a stage, as a Keras ``CallbackList`` for a loop without ``fit``.

    ``on_epoch_end`` needs ``{training.monitor: score}`` as its ``logs``; a higher score is better.
    A learning rate that a plateau has reduced during the warm-up is whole again at its end.

    Args:
        model: compiled for the stage.
        training: schedule, monitor, early stopping.
        stage: learning rate and epochs.
        steps: in an epoch.
    """
    rates = learning_rates(training, stage.learning_rate, stage.epochs * steps)
    callbacks: list[Any] = [_LearningRates(rates)]
    if training.schedule == "reduce_on_plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                training.monitor,
                factor=training.plateau_factor,
                patience=training.plateau_patience,
                mode="max",
            )
        )
    callbacks += early_stopping(training, stage.epochs)
    return keras.callbacks.CallbackList(callbacks, model=model)


def early_stopping(training: Training, epochs: int) -> list[Any]:
    """Return the callback that ends a stage early, or with its best weights; none if not asked for.

    Args:
        training: whether to stop early, and whether to restore the best weights.
        epochs: of the stage, at most.
    """
    if not (training.early_stopping or training.restore_best):
        return []
    callback = keras.callbacks.EarlyStopping(
        training.monitor,
        patience=training.early_stopping or epochs,
        mode="max",
        restore_best_weights=training.restore_best,
    )
    return [callback]


class _LearningRates(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the learning rate of every step, as long as one is given for it.

    With a ``LearningRateSchedule`` in the optimizer, a plateau could not reduce it.
    """

    def __init__(self, rates: NDArray[np.floating]) -> None:
        super().__init__()
        self.rates = iter(rates.tolist())

    def on_train_batch_begin(self, *_: Any, **__: Any) -> None:
        if (rate := next(self.rates, None)) is not None:
            self.model.optimizer.learning_rate = rate
