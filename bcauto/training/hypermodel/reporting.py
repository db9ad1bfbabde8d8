"""The Keras callback that reports the epochs of a hypermodel's own ``fit``."""

from __future__ import annotations

from typing import Any

import keras

from bcauto.training.hypermodel.build import Built
from bcauto.training.loop import check_finite
from bcauto.training.scoring import EpochReporter

__all__ = ["ReportingCallback"]


class ReportingCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Reports every epoch, and calls the callbacks that monitor its score.

    They are called from here, because a training loop of the hypermodel's own may call each
    callback with other ``logs``. An exception of a report is kept as ``error`` and stops the
    training: raised through ``model.fit``, it would make Keras wait for the dataset's thread for
    ever. A loop that goes on nevertheless gets it at its next epoch.

    Args:
        built: the model in training, and its classifier, which is scored.
        reporter: scores and reports.
        followers: callbacks that monitor the score. They are no ``CallbackList``, which needs a
            begin for every end.
    """

    def __init__(self, built: Built, reporter: EpochReporter, followers: list[Any]) -> None:
        super().__init__()
        self.classifier, self.reporter, self.followers = built.classifier, reporter, followers
        self.epochs = 0
        self.error: BaseException | None = None
        self.training = False
        self.set_model(built.model)  # a loop of the hypermodel's own may not do it

    @property
    def model(self) -> Any:
        """The model in training; it can also be assigned, as in Keras 2."""
        return super().model

    @model.setter
    def model(self, model: Any) -> None:
        self.set_model(model)

    def set_model(self, model: Any) -> None:
        """Set the model of this callback and of its followers."""
        super().set_model(model)
        for follower in self.followers:
            follower.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on to the followers."""
        for follower in self.followers:
            follower.on_train_begin(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Pass it on to the followers, which may restore the best weights."""
        self.training = False
        for follower in self.followers:
            follower.on_train_end(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch; keep what a report raises, and TrialFailed if the loss is not finite.

        Raises:
            BaseException: the error kept from an epoch before.
        """
        if self.error:
            raise self.error
        logs = {} if logs is None else logs
        self.epochs += 1
        self.training = True
        try:
            check_finite(float(logs.get("loss", 0.0)), self.epochs, "hypermodel")
            logs.update(self.reporter.on_epoch_end(self.classifier, self.epochs))
            for follower in self.followers:
                follower.on_epoch_end(epoch, logs)
        except BaseException as error:
            self.error = error
            self.model.stop_training = True
