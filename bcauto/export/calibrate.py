"""A model whose softmax has a temperature, fitted on validation images, clean and corrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from bcauto.data.labelled import Labelled
from bcauto.errors import NothingUsable
from bcauto.export.calibration import Calibration, Judged, measure_calibration, with_temperature
from bcauto.export.load import load_model
from bcauto.export.model import ExportedModel
from bcauto.io.model_file import MODEL
from bcauto.proxy.metrics import Metric, measure
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score
from bcauto.training.scoring import predict_probabilities

__all__ = ["calibrate_model", "write_calibrated"]

_TOLERANCE = 0.001  # of a probability, between the model and the arithmetic
_LEAST = 1e-30  # of a probability whose logarithm is taken


def write_calibrated(
    folder: Path, model: ExportedModel, proxy: Proxy, val: Labelled, seed: int
) -> tuple[ExportedModel, Calibration]:
    """Give the model in a folder a temperature, and load and score it again.

    Args:
        folder: of ``model.keras``, which is replaced.
        model: what is known of it.
        proxy: that it was scored on.
        val: the validation images that the proxy was made of.
        seed: of the study.

    Raises:
        NothingUsable: after loading it says another class of some picture, or another probability
            than the temperature makes of it.
    """
    loaded = load_model(folder / MODEL)
    before = _predicted(loaded.model, proxy, val)
    held_out = np.array([each.family in proxy.held_out for each in proxy.corruptions])
    counted = ~held_out[proxy.corruption]
    kinds = {
        "clean": Judged(before[0], val.labels, np.arange(len(val))),
        "corrupted": _copies(proxy, before[1], counted),
    }
    others = {"held_out": _copies(proxy, before[1], ~counted)} if held_out.any() else {}
    found = measure_calibration(kinds, others, seed)
    calibrate_model(loaded.model, found.temperature).save(folder / MODEL)
    after = _predicted(load_model(folder / MODEL).model, proxy, val)
    for was, became in zip(before, after, strict=True):
        _check(was, became, found.temperature)
    measured: tuple[Metric, ...] = get_args(Metric)
    again = [metric for metric in measured if metric in model.scores.clean]
    clean: dict[str, float] = {each: measure(each, val.labels, after[0]) for each in again}
    return model.rescored(score(proxy, after[1]), clean), found


def calibrate_model(model: Any, temperature: float) -> Any:
    """Return a model whose probabilities are those of its logits divided by a temperature.

    It is of Keras' own layers and operations alone. Where the last layer is dense with a softmax,
    its weights are divided, and the model keeps its form; ``model`` changes with it.

    Args:
        model: a functional Keras classifier that gives probabilities.
        temperature: above 0.
    """
    last = model.layers[-1]
    if isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax:
        last.set_weights([weight / temperature for weight in last.get_weights()])
        return model
    # The logarithms of probabilities are logits, less a number that a softmax takes away.
    positive = keras.ops.maximum(model.output, _LEAST)
    logits = keras.layers.Rescaling(1 / temperature, dtype="float32")(keras.ops.log(positive))
    softmax = keras.layers.Activation("softmax", dtype="float32", name="calibrated")
    return keras.Model(model.input, softmax(logits))


def _predicted(model: Any, proxy: Proxy, val: Labelled) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of the clean validation images, and of the proxy's."""
    return predict_probabilities(model, val.images), predict_probabilities(model, proxy.images)


def _copies(proxy: Proxy, probabilities: np.ndarray, which: np.ndarray) -> Judged:
    return Judged(probabilities[which], proxy.labels[which], proxy.base[which])


def _check(before: np.ndarray, after: np.ndarray, temperature: float) -> None:
    expected = with_temperature(before, temperature)
    moved = int((before.argmax(axis=1) != after.argmax(axis=1)).sum())
    off = float(np.abs(after - expected).max())
    if moved or off > _TOLERANCE:
        got = f"{moved} of {len(before)} have another class, probabilities differ by up to {off:g}"
        raise NothingUsable(
            f"a temperature must change no class, and after loading {got}; it is not exported"
        )
