"""TensorFlow's SavedModel, by Keras' own exporter: a folder that needs no Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.labelled import Images
from bcauto.export.formats.contract import Predict, in_batches, input_signature, quietly

__all__ = ["load", "write"]


def write(model: Any, folder: Path, _training: Images | None = None) -> None:
    """Write a Keras model to a SavedModel, whose function is ``serve``."""
    signature = input_signature(model)
    with quietly():
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=signature)


def load(folder: Path) -> Predict:
    """Return what predicts with a SavedModel."""
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)

    def run(batch: Images) -> np.ndarray:
        probabilities: np.ndarray = loaded.serve(batch.astype(np.float32)).numpy()
        return probabilities

    return lambda images: in_batches(run, images)
