"""One trial from top to bottom."""

from __future__ import annotations

import gc
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bcauto.augment.engine import Apply, augment_batch
from bcauto.augment.policies import Augment
from bcauto.data.dataset import Dataset
from bcauto.models.build import Classifier, build_classifier
from bcauto.proxy.metrics import Metric, measure
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score, score_probe
from bcauto.recipe.network import Hypermodel, Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Training
from bcauto.training.batches import Batches
from bcauto.training.callbacks import make_callbacks
from bcauto.training.checkpoint import Checkpoint, Progress
from bcauto.training.device import Device, detect_device
from bcauto.training.loop import Trained, stage_record, train_stage
from bcauto.training.losses import make_loss
from bcauto.training.stages import Stage, compile_stage, plan_stages
from bcauto.trial import Job, Report, TrialResult

__all__ = ["predict_labels", "predict_probabilities", "run_trial", "score_model"]

_SCORING_BATCH = 128


def run_trial(
    job: Job, data: Dataset, proxy: Proxy, weights: Weights, report: Report, threads: int = 1
) -> TrialResult:
    """Trains a recipe on ``data.train``, scores it on the proxy, saves its model.

    Args:
        job: recipe, seed, and where the model goes.
        data: the training and validation images.
        proxy: scores every epoch on its probe, and the whole of it at the end.
        weights: where pretrained weights come from.
        report: told each epoch's score on the probe, in 0..1, also those of the stages that an
            earlier try of the same job has trained.
        threads: CPU threads that this trial may use.

    Raises:
        TrialFailed: the loss is no longer a number.
        TrialStopped: ``report`` asked for it.
    """
    started = time.monotonic()
    device = _fresh_device(job)
    batches = _batches(job, data, device, threads)
    watch = _Watch(data, proxy, job.recipe.training, report)
    trained = _train(job, data, weights, batches, device, watch)
    result = score_model(trained.model, data, proxy)
    with job.files.writing(job.model_path) as path:
        _save(trained.model, path)
    return TrialResult(
        **result,
        epochs=sum(stage["epochs"] for stage in trained.stages),
        seconds=round(time.monotonic() - started, 3),
        parameters=int(trained.model.count_params()),
        trainable_parameters=trained.trainable_parameters,
        device=device.as_dict(),
        stages=trained.stages,
    )


def score_model(model: Any, data: Dataset, proxy: Proxy) -> dict[str, Any]:
    """The fields of a TrialResult that say how good a model is.

    Args:
        model: a Keras classifier of 0-255 RGB.
        data: its validation images are scored as they are.
        proxy: what the objective comes from.
    """
    scores = asdict(score(proxy, predict_probabilities(model, proxy.images)))
    scores["interval"] = list(scores["interval"])  # as it is read back from a storage
    predicted = predict_probabilities(model, data.val.images)
    metrics: tuple[Metric, ...] = ("accuracy", proxy.metric)
    clean = {metric: measure(metric, data.val.labels, predicted) for metric in metrics}
    return {
        "objective": scores.pop("objective"),
        "clean_accuracy": clean["accuracy"],
        "scores": {"clean": clean, **scores},
    }


def predict_labels(model: Any, images: np.ndarray) -> np.ndarray:
    """The most probable class of each image.

    Args:
        model: a Keras classifier of 0-255 RGB.
        images: (n, h, w, 3) uint8.

    Returns:
        (n,) int64.
    """
    labels: np.ndarray = predict_probabilities(model, images).argmax(axis=1)
    return labels


def predict_probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    """How probable each class is for each image.

    Args:
        model: a Keras classifier of 0-255 RGB.
        images: (n, h, w, 3) uint8.

    Returns:
        (n, classes), of the model's float type.
    """
    starts = range(0, len(images), _SCORING_BATCH)
    batches = [_predict_batch(model, images[start : start + _SCORING_BATCH]) for start in starts]
    return np.concatenate(batches)


def _predict_batch(model: Any, images: np.ndarray) -> np.ndarray:
    """Up to ``_SCORING_BATCH`` images, filled up so that one shape is compiled only."""
    missing = _SCORING_BATCH - len(images)
    padded = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))
    probabilities: np.ndarray = np.asarray(model.predict_on_batch(padded))
    return probabilities[: len(images)]


class _Watch:
    """Reports every epoch of a trial, and keeps its score on the probe."""

    def __init__(self, data: Dataset, proxy: Proxy, training: Training, report: Report) -> None:
        self.data, self.proxy, self.monitor, self.report = data, proxy, training.monitor, report
        self.scores: list[float] = []

    def __call__(self, model: Any, epoch: int) -> dict[str, float]:
        """Reports the epoch that ended; gives what its stage goes by."""
        probe_score = _probe_score(model, self.proxy)
        self.report(epoch, probe_score)
        self.scores.append(probe_score)
        if self.monitor == "objective":
            return {self.monitor: probe_score}
        return {self.monitor: _clean_score(self.monitor, model, self.data)}

    def go_on_after(self, scores: list[float]) -> None:
        """Reports once more the epochs that an earlier try of the trial has trained."""
        for epoch, known in enumerate(scores, 1):
            self.report(epoch, known)
        self.scores += scores


def _train(
    job: Job, data: Dataset, weights: Weights, batches: Batches, device: Device, watch: _Watch
) -> Trained:
    """Trains what the recipe names, a network or a hypermodel."""
    if isinstance(job.recipe.model, Network):
        return _train_network(job, data, weights, batches, device, watch)
    from bcauto.training.hypermodel.train import (
        train_hypermodel,  # KerasTuner need not be installed
    )

    training = job.recipe.training
    return train_hypermodel(job.recipe.model, training, data, batches, watch, job.accumulate)


def _train_network(
    job: Job, data: Dataset, weights: Weights, batches: Batches, device: Device, watch: _Watch
) -> Trained:
    """Trains a network in its stages, from the first that no earlier try has trained to its end."""
    recipe, classes = job.recipe, len(data.class_names)
    assert isinstance(recipe.model, Network)
    classifier = build_classifier(recipe.model, data.image_size, classes, weights)
    loss = make_loss(recipe.training, data.train.labels, classes)
    planned = plan_stages(recipe, classifier, weights.pretrains(recipe.model))
    checkpoint = Checkpoint(job, planned, classifier.model)
    stages, scores = checkpoint.restore()
    watch.go_on_after(scores)
    for each in planned[len(stages) :]:
        sized = batches.sized(each.batch_size)
        stage = replace(each, accumulate=min(job.accumulate, sized.batch_size))
        compile_stage(classifier, stage, recipe.training, loss, device)
        callbacks = make_callbacks(classifier.model, recipe.training, stage, sized.steps)
        before = len(watch.scores)
        last = train_stage(
            stage, sized, callbacks, lambda epoch: watch(classifier.model, epoch), after=before
        )
        stages.append(_what_trained(classifier, stage, last - before))
        if len(stages) < len(planned):
            checkpoint.write(Progress(stages, watch.scores))
    final = _as_float32(classifier, recipe.model, data, device)
    return Trained(final, classifier.trainable_parameters, stages)


def _fresh_device(job: Job) -> Device:
    """Frees what the last trial left in this process, and seeds what Keras draws.

    A hypermodel keeps the precision that its user knows, float32.
    """
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(job.seed % 2**32)
    device = detect_device()
    if isinstance(job.recipe.model, Hypermodel):
        device = replace(device, precision="float32")
    keras.config.set_dtype_policy(device.precision)
    return device


def _batches(job: Job, data: Dataset, device: Device, threads: int) -> Batches:
    """What the trial trains on. On a CPU training itself fills the cores but for one thread."""
    recipe = job.recipe
    return Batches(
        data.train,
        len(data.class_names),
        recipe.training.batch_size,
        recipe.augment,
        job.seed,
        threads=threads if device.kind == "gpu" else 1,
        apply=_apply(recipe.augment, data.image_size),
        at_least=_images_of_a_class(recipe.training, data.train.labels),
    )


def _images_of_a_class(training: Training, labels: np.ndarray) -> int:
    """How many each class has in an epoch, at least."""
    if training.balance != "oversample":
        return 0
    return training.oversample_to or int(np.bincount(labels).max())


def _apply(augment: Augment, size: tuple[int, int]) -> Apply:
    """The engine that a recipe names."""
    if augment.engine == "bcauto":
        return augment_batch
    from bcauto.training.keras_cv import make_apply  # keras-cv need not be installed

    return make_apply(augment, size)


def _what_trained(classifier: Classifier, stage: Stage, epochs: int) -> dict[str, Any]:
    """A stage of a TrialResult, for a classifier that was compiled for it."""
    return stage_record(
        stage.name,
        epochs,
        classifier.trainable_parameters,
        stage.frozen_layers,
        classifier.first_trainable_block,
        stage.accumulate,
    )


def _probe_score(model: Any, proxy: Proxy) -> float:
    return score_probe(proxy, predict_probabilities(model, proxy.images[proxy.probe]))


def _clean_score(metric: Metric, model: Any, data: Dataset) -> float:
    return measure(metric, data.val.labels, predict_probabilities(model, data.val.images))


def _as_float32(classifier: Classifier, network: Network, data: Dataset, device: Device) -> Any:
    """The model as it is handed over, and so as it is scored: in float32 whatever it trained in."""
    if device.precision == "float32":
        return classifier.model
    keras.config.set_dtype_policy("float32")
    untrained = Weights("none")
    plain = build_classifier(network, data.image_size, len(data.class_names), untrained)
    plain.copy_weights(classifier)
    return plain.model


def _save(model: Any, path: Path) -> None:
    """Writes the model as plain Keras: it was never compiled, so there is no optimizer in it."""
    keras.Model(model.input, model.output).save(path)
