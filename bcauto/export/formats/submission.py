"""Predicts the classes of pictures with the model in the folder beside this file.

It needs TensorFlow 2.17 or later and nothing else: not bcauto, and not the Keras that wrote the
model. bcauto puts it into a Codabench submission as ``model.py``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

_FOLDER = "saved_model"
_BATCH = 32  # pictures at a time: the platform gives all at once, and has little memory


class Model:
    """A classifier as the platform calls it."""

    def __init__(self) -> None:
        folder = Path(__file__).resolve().parent / _FOLDER
        self._model = tf.saved_model.load(str(folder))
        _, *size, _ = self._model.signatures["serving_default"].inputs[0].shape
        self._size = tuple(size)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803 (the platform's own name)
        """Return the labels (n,) int64 of pictures (n, h, w, 3), RGB in 0..255, of any dtype."""
        starts = range(0, len(X), _BATCH)
        labels = [self._predict_batch(X[start : start + _BATCH]) for start in starts]
        return np.concatenate([np.empty(0, np.int64), *labels])

    def _predict_batch(self, pictures: Any) -> np.ndarray:
        batch = tf.cast(pictures, tf.float32)
        if tuple(batch.shape[1:3]) != self._size:
            batch = self._resized(batch)
        probabilities = self._model.serve(batch)
        labels: np.ndarray = tf.argmax(probabilities, axis=1, output_type=tf.int64).numpy()
        return labels

    def _resized(self, batch: Any) -> Any:
        """Return pictures at the model's size: averaged or cubically enlarged, as in training."""
        shrinks = self._size[0] * self._size[1] < batch.shape[1] * batch.shape[2]
        method = "area" if shrinks else "bicubic"
        resized = tf.image.resize(batch, self._size, method=method)
        return tf.clip_by_value(tf.round(resized), 0.0, 255.0)
