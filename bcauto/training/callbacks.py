"""What follows a stage from step to step: the rate, plateaus, early stopping, best weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.recipe.recipe import Training
from bcauto.training.optimizers import learning_rates
from bcauto.training.stages import Stage

__all__ = ["make_callbacks", "stopping"]


def make_callbacks(model: Any, training: Training, stage: Stage, steps: int) -> Any:
    """Keras' own callbacks for a stage, as one ``CallbackList`` that a loop without ``fit`` calls.

    At the end of an epoch they want ``{training.monitor: score}``, a higher score being better.
    Rates that a plateau reduces during the warm-up are whole again at its end.

    Args:
        model: compiled for the stage.
        training: names what is wanted.
        stage: has rate and epochs.
        steps: in an epoch.
    """
    rates = learning_rates(training, stage.learning_rate, stage.epochs * steps)
    callbacks: list[Any] = [_Rates(rates)]
    if training.schedule == "reduce_on_plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                training.monitor,
                factor=training.plateau_factor,
                patience=training.plateau_patience,
                mode="max",
            )
        )
    callbacks += stopping(training, stage.epochs)
    return keras.callbacks.CallbackList(callbacks, model=model)


def stopping(training: Training, epochs: int) -> list[Any]:
    """What ends a stage of so many epochs early, or with its best weights, where that is asked."""
    if not (training.early_stopping or training.restore_best):
        return []
    early_stopping = keras.callbacks.EarlyStopping(
        training.monitor,
        patience=training.early_stopping or epochs,
        mode="max",
        restore_best_weights=training.restore_best,
    )
    return [early_stopping]


class _Rates(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the rate before every batch, as long as there is one for it.

    A ``LearningRateSchedule`` inside the optimizer could not be reduced on a plateau.
    """

    def __init__(self, rates: NDArray[np.floating]) -> None:
        super().__init__()
        self.coming = iter(rates.tolist())

    def on_train_batch_begin(self, *_: Any, **__: Any) -> None:
        if (rate := next(self.coming, None)) is not None:
            self.model.optimizer.learning_rate = rate
