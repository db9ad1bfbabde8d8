"""Training a hypermodel's model: by its own compile or loop, in one stage, on our batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.data.dataset import Dataset
from bcauto.errors import BadInput, TrialFailed
from bcauto.models.build import count_trainable
from bcauto.recipe.network import Hypermodel
from bcauto.recipe.recipe import Recipe, Training
from bcauto.training.accumulation import accumulate_gradients, can_accumulate
from bcauto.training.batches import Batch, Batches
from bcauto.training.callbacks import early_stopping
from bcauto.training.hypermodel.build import Built, build_hypermodel
from bcauto.training.hypermodel.fit import AugmentedBatches, FitData, call_fit
from bcauto.training.hypermodel.load import overrides_fit
from bcauto.training.loop import Trained, train_stage
from bcauto.training.scoring import EpochReporter
from bcauto.training.stages import Stage
from bcauto.trial import StageRecord

__all__ = ["train_hypermodel"]


def train_hypermodel(
    recipe: Recipe,
    data: Dataset,
    batches: Batches,
    reporter: EpochReporter,
    accumulate: int = 1,
) -> Trained:
    """Builds and trains the model of a recipe, by its hypermodel's ``fit`` where it has its own.

    With ``accumulate`` above 1 a batch is trained in so many parts. Where what the model was
    compiled with does not allow that, or ``model.fit`` trains it, batches are so much smaller, and
    the stage has that as ``batch_divided_by``.

    Raises:
        TrialFailed: it cannot be built, or its loss is no longer a number.
    """
    assert isinstance(recipe.model, Hypermodel)
    training = recipe.training
    try:
        built = build_hypermodel(recipe.model, data.image_size, len(data.class_names))
    except BadInput as error:
        raise TrialFailed(str(error)) from error
    own_fit, parts = overrides_fit(built.hypermodel), min(accumulate, batches.batch_size)
    whole = own_fit or not can_accumulate(built.model)  # each batch is a step, if a smaller one
    if own_fit:
        epochs = _fit(built, training, data, batches, reporter, parts)
    elif whole:
        epochs = _loop(built, training, batches.sized(batches.batch_size // parts), reporter)
    else:
        epochs = _loop(built, training, batches, reporter, parts)
    trainable = count_trainable(built.model)
    stage = StageRecord(
        name="hypermodel",
        epochs=epochs,
        trainable_parameters=trainable,
        accumulate=1 if whole else parts,
        batch_divided_by=parts if whole else 1,
    )
    return Trained(built.classifier, trainable, [stage])


class _Prepared:
    """Batches as a hypermodel's model takes them."""

    def __init__(self, built: Built, batches: Batches) -> None:
        self.built, self.batches = built, batches

    def epoch(self, epoch: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Every batch of an epoch."""
        return map(self.prepared, self.batches.epoch(epoch))

    def one(self, epoch: int, index: int, batch_size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """One batch of an epoch."""
        sized = self.batches.sized(batch_size)
        return self.prepared(sized.make(sized.indices(epoch)[index], epoch))

    def prepared(self, batch: Batch) -> tuple[NDArray[Any], NDArray[Any]]:
        images, targets = batch
        return self.built.images(images), self.built.targets(targets)


def _loop(
    built: Built, training: Training, batches: Batches, reporter: EpochReporter, parts: int = 1
) -> int:
    """Trains as the networks are trained; the number of epochs."""
    rate = float(built.model.optimizer.learning_rate)
    stage = Stage("hypermodel", training.epochs, rate, 0, from_scratch=True, accumulate=parts)
    accumulate_gradients(built.model.optimizer, parts)
    callbacks = keras.callbacks.CallbackList(
        early_stopping(training, stage.epochs), model=built.model
    )
    return train_stage(
        stage,
        _Prepared(built, batches),
        callbacks,
        lambda epoch: reporter.on_epoch_end(built.classifier, epoch),
        after=0,
    )


def _fit(
    built: Built,
    training: Training,
    data: Dataset,
    batches: Batches,
    reporter: EpochReporter,
    parts: int,
) -> int:
    """Trains by the hypermodel's ``fit``; the number of epochs that it told of.

    Raises what a report has raised, whatever ``fit`` makes of it.
    """
    prepared = _Prepared(built, batches)
    train = AugmentedBatches(
        prepared.one, lambda size: batches.sized(size).steps, batches.batch_size
    )
    targets = np.eye(len(data.class_names), dtype=np.float32)[data.val.labels]
    validation = built.images(data.val.images), built.targets(targets)
    reporting = _Reporting(built, reporter, early_stopping(training, training.epochs))
    fit_data = FitData(train, validation, training.epochs, parts)
    try:
        call_fit(built.hypermodel, built.hyperparameters, built.model, fit_data, [reporting])
    except Exception:  # which may be the report's own, in the user's words
        if not reporting.error:
            raise
    if not reporting.epochs:  # a loop of its own, which calls no callbacks
        reporting.on_epoch_end(0, {})
    if reporting.error:
        raise reporting.error
    if reporting.training:  # a loop of its own, which calls them after each epoch only
        reporting.on_train_end()
    return reporting.epochs


class _Reporting(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Reports every epoch, and hands the scores to the callbacks that go by them.

    Those are called from here, since a loop of its own may give every callback other ``logs``.
    What a report raises is kept as ``error`` while ``model.fit`` comes to its end: raised through
    it, Keras would wait for ever for the dataset's thread. A loop that goes on meets it next time.
    """

    def __init__(self, built: Built, reporter: EpochReporter, followers: list[Any]) -> None:
        super().__init__()
        self.classifier, self.reporter, self.epochs = built.classifier, reporter, 0
        self.followers = followers  # no CallbackList, which wants a begin for every end
        self.error: BaseException | None = None
        self.training = False
        self.set_model(built.model)  # a loop of its own may not say it

    @property
    def model(self) -> Any:
        """The model in training, which may be set as in Keras 2, too."""
        return super().model

    @model.setter
    def model(self, model: Any) -> None:
        self.set_model(model)

    def set_model(self, model: Any) -> None:
        """Takes another model, for the callbacks that follow too."""
        super().set_model(model)
        for follower in self.followers:
            follower.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begins a stage of the user's."""
        for follower in self.followers:
            follower.on_train_begin(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Ends it, with the best weights where that is asked."""
        self.training = False
        for follower in self.followers:
            follower.on_train_end(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps TrialFailed where the loss is no number, and what the report raises."""
        if self.error:
            raise self.error
        logs = {} if logs is None else logs
        self.epochs += 1
        self.training = True
        try:
            self._report(logs)
            for follower in self.followers:
                follower.on_epoch_end(epoch, logs)
        except BaseException as error:
            self.error = error
            self.model.stop_training = True

    def _report(self, logs: dict[str, Any]) -> None:
        loss = float(logs.get("loss", 0.0))
        if not math.isfinite(loss):
            raise TrialFailed(f"the loss is {loss} after epoch {self.epochs} (hypermodel stage)")
        logs.update(self.reporter.on_epoch_end(self.classifier, self.epochs))
