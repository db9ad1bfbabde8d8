"""One trial from top to bottom."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bcauto.augment import Apply, Augment, augment_batch
from bcauto.data import Dataset
from bcauto.errors import TrialFailed
from bcauto.models import Classifier, build_classifier
from bcauto.proxy import Metric, Proxy, measure, score, score_probe
from bcauto.recipe import Training
from bcauto.training.batches import Batches
from bcauto.training.callbacks import make_callbacks
from bcauto.training.device import Device, detect_device
from bcauto.training.losses import make_loss
from bcauto.training.stages import Stage, compile_stage, plan_stages
from bcauto.trial import Job, Report, TrialResult
from bcauto.weights import Weights

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
        report: told each epoch's score on the probe, in 0..1.
        threads: CPU threads that this trial may use.

    Raises:
        TrialFailed: the loss is no longer a number.
        TrialStopped: ``report`` asked for it.
    """
    started = time.monotonic()
    device = _fresh_device(job.seed)
    recipe, classes = job.recipe, len(data.class_names)
    classifier = build_classifier(recipe.model, data.image_size, classes, weights)
    batches = _batches(job, data, device, threads)
    loss = make_loss(recipe.training, data.train.labels, classes)

    def watch(epoch: int) -> dict[str, float]:
        """Reports the epoch that ended; gives what its stage goes by."""
        probe_score = _probe_score(classifier.model, proxy)
        report(epoch, probe_score)
        monitor = recipe.training.monitor
        if monitor == "objective":
            return {monitor: probe_score}
        return {monitor: _clean_score(monitor, classifier.model, data)}

    epochs, stages = 0, []
    for stage in plan_stages(recipe, classifier, weights.pretrains(recipe.model)):
        sized = batches.sized(stage.batch_size)
        compile_stage(classifier, stage, recipe.training, loss, device)
        callbacks = make_callbacks(classifier.model, recipe.training, stage, sized.steps)
        last = _train_stage(stage, sized, callbacks, watch, after=epochs)
        stages.append(_what_trained(classifier, stage, last - epochs))
        epochs = last
    final = _as_float32(classifier, job, data, device)
    result = score_model(final, data, proxy)
    _save(final, Path(job.model_path))
    return TrialResult(
        **result,
        epochs=epochs,
        seconds=round(time.monotonic() - started, 3),
        parameters=int(classifier.model.count_params()),
        trainable_parameters=classifier.trainable_parameters,
        device=device.as_dict(),
        stages=stages,
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


def _fresh_device(seed: int) -> Device:
    """Frees what the last trial left in this process, and seeds what Keras draws."""
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed % 2**32)
    device = detect_device()
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
    return {
        "name": stage.name,
        "epochs": epochs,
        "frozen_layers": stage.frozen_layers,
        "first_block": classifier.first_trainable_block,
        "trainable_parameters": classifier.trainable_parameters,
    }


def _train_stage(
    stage: Stage,
    batches: Batches,
    callbacks: Any,
    watch: Callable[[int], dict[str, float]],
    after: int,
) -> int:
    """Trains a stage after so many epochs; the number of its last one.

    Epochs are counted as they are trained, so that a stage that stops early leaves no gap: the
    number of an epoch says how long a trial has trained, whatever it had planned.
    """
    model = callbacks.model
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(after + 1, after + stage.epochs + 1):
        loss = _train_epoch(model, batches, callbacks, epoch)
        if not math.isfinite(loss):
            raise TrialFailed(f"the loss is {loss} after epoch {epoch} ({stage.name} stage)")
        callbacks.on_epoch_end(epoch - after - 1, watch(epoch))
        if model.stop_training:
            break
    callbacks.on_train_end()
    return epoch


def _train_epoch(model: Any, batches: Batches, callbacks: Any, epoch: int) -> float:
    """One pass over the training images; its mean loss.

    Batch by batch rather than by ``fit``, whose TensorFlow iterator costs up to a second of
    waiting whenever it is torn down, and which would compile the last, smaller batch.
    """
    model.reset_metrics()
    for step, (images, targets) in enumerate(batches.epoch(epoch)):
        callbacks.on_train_batch_begin(step)
        loss = float(model.train_on_batch(images, targets))  # the mean of the epoch so far
    return loss


def _probe_score(model: Any, proxy: Proxy) -> float:
    return score_probe(proxy, predict_probabilities(model, proxy.images[proxy.probe]))


def _clean_score(metric: Metric, model: Any, data: Dataset) -> float:
    return measure(metric, data.val.labels, predict_probabilities(model, data.val.images))


def _as_float32(classifier: Classifier, job: Job, data: Dataset, device: Device) -> Any:
    """The model as it is handed over, and so as it is scored: in float32 whatever it trained in."""
    if device.precision == "float32":
        return classifier.model
    keras.config.set_dtype_policy("float32")
    untrained = Weights("none")
    plain = build_classifier(job.recipe.model, data.image_size, len(data.class_names), untrained)
    plain.copy_weights(classifier)
    return plain.model


def _save(model: Any, path: Path) -> None:
    """Writes the model as plain Keras, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial.keras")
    try:
        keras.Model(model.input, model.output).save(partial)  # never compiled: no optimizer in it
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
