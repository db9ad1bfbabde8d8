"""Training of a hypermodel's model on our batches, in one stage: by our loop or its own ``fit``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.data.dataset import Dataset
from bcauto.errors import BadInput, TrialFailed
from bcauto.models.build import count_trainable
from bcauto.recipe.network import Hypermodel
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.training.accumulation import accumulate_gradients, can_accumulate
from bcauto.training.batches import Batch, Batches
from bcauto.training.callbacks import early_stopping
from bcauto.training.hypermodel.build import Built, build_hypermodel
from bcauto.training.hypermodel.fit import AugmentedBatches, FitData, call_fit
from bcauto.training.hypermodel.float32 import in_float32
from bcauto.training.hypermodel.load import overrides_fit
from bcauto.training.hypermodel.reporting import ReportingCallback
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
    """Build and train the model of a recipe, by the hypermodel's ``fit`` if it has its own.

    With ``accumulate`` above 1, each batch is divided into so many micro-batches. If ``model.fit``
    trains the model, or what it was compiled with does not allow gradient accumulation, its batches
    are so much smaller instead, and the stage's record has that as ``batch_divided_by``.

    Raises:
        TrialFailed: it cannot be built, or its loss is no longer a number.
    """
    assert isinstance(recipe.model, Hypermodel)
    training = recipe.training
    try:
        built = build_hypermodel(recipe.model, data.image_size, len(data.class_names))
    except BadInput as error:
        raise TrialFailed(str(error)) from error
    parts = min(accumulate, batches.batch_size)
    own_fit = overrides_fit(built.hypermodel)
    accumulates = not own_fit and can_accumulate(built.model)
    if own_fit:
        epochs = _train_by_fit(built, training, data, batches, reporter, parts)
    elif accumulates:
        epochs = _train_by_loop(built, training, batches, reporter, parts)
    else:
        smaller = batches.sized(batches.batch_size // parts)
        epochs = _train_by_loop(built, training, smaller, reporter)
    trainable = count_trainable(built.model)
    stage = StageRecord(
        name="hypermodel",
        epochs=epochs,
        trainable_parameters=trainable,
        accumulate=parts if accumulates else 1,
        batch_divided_by=1 if accumulates else parts,
    )
    return Trained(in_float32(built.classifier), trainable, [stage])


class _ModelBatches:
    """The batches with images and targets as a hypermodel's model takes them."""

    def __init__(self, built: Built, batches: Batches) -> None:
        self.built, self.batches = built, batches

    def epoch(self, epoch: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield every batch of an epoch."""
        return map(self._converted, self.batches.epoch(epoch))

    def one(self, epoch: int, index: int, batch_size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return one batch of an epoch."""
        sized = self.batches.sized(batch_size)
        return self._converted(sized.make(sized.indices(epoch)[index], epoch))

    def _converted(self, batch: Batch) -> tuple[NDArray[Any], NDArray[Any]]:
        images, targets = batch
        return self.built.images(images), self.built.targets(targets)


def _train_by_loop(
    built: Built, training: Training, batches: Batches, reporter: EpochReporter, parts: int = 1
) -> int:
    """Train by the loop that trains networks; return the number of epochs."""
    rate = float(built.model.optimizer.learning_rate)
    stage = Stage("hypermodel", training.epochs, rate, 0, from_scratch=True, accumulate=parts)
    accumulate_gradients(built.model.optimizer, parts)
    stopping = early_stopping(training, stage.epochs)
    return train_stage(
        stage,
        _ModelBatches(built, batches),
        keras.callbacks.CallbackList(stopping, model=built.model),
        lambda epoch: reporter.on_epoch_end(built.classifier, epoch),
        after=0,
    )


def _train_by_fit(
    built: Built,
    training: Training,
    data: Dataset,
    batches: Batches,
    reporter: EpochReporter,
    parts: int,
) -> int:
    """Train by the hypermodel's ``fit``; return the number of epochs that it reported.

    An exception of a report is raised, whatever ``fit`` made of it.
    """
    train = AugmentedBatches(
        _ModelBatches(built, batches).one,
        lambda size: batches.sized(size).steps,
        batches.batch_size,
    )
    targets = np.eye(len(data.class_names), dtype=np.float32)[data.val.labels]
    validation = built.images(data.val.images), built.targets(targets)
    fit_data = FitData(train, validation, training.epochs, parts)
    reporting = ReportingCallback(built, reporter, early_stopping(training, training.epochs))
    try:
        call_fit(built.hypermodel, built.hyperparameters, built.model, fit_data, [reporting])
    except Exception:  # it may be the report's own, within one of the user's
        if not reporting.error:
            raise
    if not reporting.epochs:  # a loop of the hypermodel's own that calls no callbacks
        reporting.on_epoch_end(0, {})
    if reporting.error:
        raise reporting.error
    if reporting.training:  # a loop of the hypermodel's own that calls on_epoch_end alone
        reporting.on_train_end()
    return reporting.epochs
