"""LiteRT (formerly TensorFlow Lite), by Keras' own exporter, run by ``ai-edge-litert``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.labelled import Images
from bcauto.export.formats.contract import BATCH, Predict, in_batches, input_signature, quietly
from bcauto.hardware import count_cores

__all__ = ["load", "write"]


def write(model: Any, file: Path, _training: Images | None = None) -> None:
    """Write a Keras model to a LiteRT file, in float32 and of LiteRT's own operations."""
    import tensorflow as tf

    with quietly():
        model.export(
            file,
            format="litert",
            verbose=False,
            input_signature=input_signature(model),
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
        )


def load(file: Path) -> Predict:
    """Return what predicts with a LiteRT file, on all cores that this process may use."""
    from ai_edge_litert.interpreter import Interpreter

    with quietly():
        interpreter = Interpreter(str(file), num_threads=count_cores())
        [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(taken["index"], (BATCH, *taken["shape"][1:]))
        interpreter.allocate_tensors()

    def run(batch: Images) -> np.ndarray:
        interpreter.set_tensor(taken["index"], batch.astype(np.float32))
        interpreter.invoke()
        probabilities: np.ndarray = interpreter.get_tensor(given["index"])
        return probabilities

    return lambda images: in_batches(run, images)
