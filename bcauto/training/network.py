"""Training of a network: its stages, one after another, each from the weights of the last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras

from bcauto.data.dataset import Dataset
from bcauto.models.build import Classifier, build_classifier
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.training.batches import Batches
from bcauto.training.callbacks import make_callbacks
from bcauto.training.checkpoint import Checkpoint, Progress
from bcauto.training.device import Device
from bcauto.training.loop import Trained, train_stage
from bcauto.training.losses import make_loss
from bcauto.training.scoring import EpochReporter
from bcauto.training.stages import compile_stage, plan_stages
from bcauto.trial import Job, StageRecord

__all__ = ["train_network"]


def train_network(
    job: Job,
    data: Dataset,
    weights: Weights,
    batches: Batches,
    device: Device,
    reporter: EpochReporter,
) -> Trained:
    """Build the network of a job's recipe, and train its stages.

    A retry goes on with the first stage that no earlier try has trained to its end.

    Raises:
        TrialFailed: the loss is no longer a number.
    """
    recipe, classes = job.recipe, len(data.class_names)
    assert isinstance(recipe.model, Network)
    classifier = build_classifier(recipe.model, data.image_size, classes, weights)
    loss = make_loss(recipe.training, data.train.labels, classes)
    planned = plan_stages(recipe, classifier, weights.pretrains(recipe.model))
    checkpoint = Checkpoint(job, planned, classifier.model)
    stages, scores = checkpoint.restore()
    reporter.report_again(scores)
    for each in planned[len(stages) :]:
        sized = batches.sized(each.batch_size)
        stage = replace(each, accumulate=min(job.accumulate, sized.batch_size))
        compile_stage(classifier, stage, recipe.training, loss, device)
        callbacks = make_callbacks(classifier.model, recipe.training, stage, sized.steps)
        before = len(reporter.scores)
        last = train_stage(
            stage,
            sized,
            callbacks,
            lambda epoch: reporter.on_epoch_end(classifier.model, epoch),
            after=before,
        )
        record = StageRecord(
            name=stage.name,
            epochs=last - before,
            frozen_layers=stage.frozen_layers,
            first_block=classifier.first_trainable_block,
            trainable_parameters=classifier.trainable_parameters,
            accumulate=stage.accumulate,
        )
        stages.append(record)
        if len(stages) < len(planned):
            checkpoint.write(Progress(stages, reporter.scores))
    model = _in_float32(classifier, data, device)
    return Trained(model, classifier.trainable_parameters, stages)


def _in_float32(classifier: Classifier, data: Dataset, device: Device) -> Any:
    """Return the model in float32, as it is scored and saved, whatever it was trained in."""
    if device.precision == "float32":
        return classifier.model
    keras.config.set_dtype_policy("float32")
    classes = len(data.class_names)
    copy = build_classifier(classifier.network, data.image_size, classes, Weights("none"))
    copy.copy_weights(classifier)
    return copy.model
