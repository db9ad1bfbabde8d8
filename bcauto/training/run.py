"""One trial from top to bottom: a recipe trained, scored and saved."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bcauto.augment.engine import Apply, Augmenter, augment_batch
from bcauto.data.dataset import Dataset
from bcauto.errors import BadInput
from bcauto.proxy.proxy import Proxy
from bcauto.recipe.network import Hypermodel
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.training.batches import Batches, Teacher
from bcauto.training.device import Device, detect_device
from bcauto.training.network import train_network
from bcauto.training.scoring import EpochReporter, score_model
from bcauto.trial import Job, Report, RunRecord, TrialResult

__all__ = ["run_trial", "save_model"]


def run_trial(
    job: Job, data: Dataset, proxy: Proxy, weights: Weights, report: Report, threads: int = 1
) -> TrialResult:
    """Train a recipe on ``data.train``, score it on the proxy, save its model.

    Args:
        job: recipe, seed, and where the model goes.
        data: the training and validation images.
        proxy: every epoch is scored on a small part of it, the probe, and the final model on all.
        weights: where pretrained weights come from.
        report: called with each epoch's score on the probe, in 0..1; in a retry first again for
            the stages that an earlier try has trained.
        threads: CPU threads that this trial may use.

    Raises:
        TrialFailed: the loss is no longer a number.
        TrialStopped: ``report`` asked for it.
    """
    started = time.monotonic()
    recipe = job.recipe
    if isinstance(recipe.model, Hypermodel):
        _import_first(recipe.model)
    device = _start_afresh(recipe, job.seed)
    augment_threads = threads if device.kind == "gpu" else 1  # on a CPU, training uses every core
    batches = _make_batches(recipe, data, job.seed, augment_threads)
    if job.teacher:
        batches = batches.taught_by(_teacher(job.teacher))
    reporter = EpochReporter(data, proxy, recipe.training, report)
    if isinstance(recipe.model, Hypermodel):
        from bcauto.training.hypermodel.train import train_hypermodel  # needs KerasTuner

        trained = train_hypermodel(recipe, data, batches, reporter, job.accumulate)
    else:
        trained = train_network(job, data, weights, batches, device, reporter)
    objective, scores = score_model(trained.model, data, proxy)
    with job.files.atomic_write(job.model_path) as path:
        save_model(trained.model, path)
    run = RunRecord(
        epochs=sum(stage.epochs for stage in trained.stages),
        seconds=round(time.monotonic() - started, 3),
        parameters=int(trained.model.count_params()),
        trainable_parameters=trained.trainable_parameters,
        device=device.as_dict(),
        stages=tuple(trained.stages),
    )
    return TrialResult(objective, scores.clean["accuracy"], scores, run)


def _import_first(model: Hypermodel) -> None:
    """Import a hypermodel's module before the trial's seed is set.

    A module may set a seed of its own, or use random numbers, when the first trial of the process
    imports it; later trials would differ.
    """
    from bcauto.training.hypermodel.load import import_module_of  # needs KerasTuner

    with suppress(BadInput):  # the training says it
        import_module_of(model.hypermodel)


def _start_afresh(recipe: Recipe, seed: int) -> Device:
    """Free what the last trial of this process left, seed Keras, and set the device's precision.

    A hypermodel always trains in float32, which is Keras' default and what its author knows.
    """
    keras.backend.clear_session()  # which also collects garbage
    keras.utils.set_random_seed(seed % 2**32)
    device = detect_device()
    if isinstance(recipe.model, Hypermodel):
        device = replace(device, precision="float32")
    keras.config.set_dtype_policy(device.precision)
    return device


def _make_batches(recipe: Recipe, data: Dataset, seed: int, threads: int) -> Batches:
    """Return the batches that a recipe trains on, augmented by the engine that it names."""
    training, augment = recipe.training, recipe.augment
    per_class = 0
    if training.balance == "oversample":
        per_class = training.oversample_to or int(np.bincount(data.train.labels).max())
    if augment.engine == "bcauto":
        apply: Apply = augment_batch
    else:
        from bcauto.training.keras_cv import make_apply  # keras-cv is optional

        apply = make_apply(augment, data.image_size)
    return Batches(
        data.train,
        len(data.class_names),
        training.batch_size,
        Augmenter(augment, seed, apply),
        threads=threads,
        at_least=per_class,
    )


def _teacher(path: Path) -> Teacher:
    """Return a saved model as the teacher of a training."""
    model = keras.saving.load_model(path, compile=False)
    return lambda images: np.asarray(model.predict_on_batch(images), dtype=np.float32)


def save_model(model: Any, path: Path) -> None:
    """Write a model to a ``.keras`` file, without what it was compiled with.

    What is saved is a new model of the same layers, which was never compiled.
    """
    keras.Model(model.input, model.output).save(path)
