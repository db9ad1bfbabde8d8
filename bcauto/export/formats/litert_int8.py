"""LiteRT in eight bits: weights and activations are whole numbers, input and output float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.labelled import Images
from bcauto.export.formats.contract import input_signature, quietly

__all__ = ["write"]

_CALIBRATED = 200  # pictures; TensorFlow's guide asks for 100 to 500


def write(model: Any, file: Path, training: Images | None) -> None:
    """Write a Keras model to a LiteRT file in int8, its ranges calibrated on training pictures.

    Args:
        model: in float32.
        file: to write.
        training: (n, h, w, 3) uint8, of which 200 are taken, spread evenly.
    """
    import tensorflow as tf

    if training is None:
        raise ValueError("int8 needs training pictures to calibrate on, got none")
    chosen = np.linspace(0, len(training) - 1, min(_CALIBRATED, len(training))).astype(int)

    def representative() -> Iterator[list[np.ndarray]]:
        for index in chosen:
            yield [training[index][None].astype(np.float32)]

    with quietly():
        model.export(
            file,
            format="litert",
            verbose=False,
            input_signature=input_signature(model),
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=representative,
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        )
