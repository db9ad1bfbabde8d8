"""ONNX, by Keras' own exporter (tf2onnx), run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.labelled import Images
from bcauto.export.formats.contract import Predict, in_batches, input_signature, quietly
from bcauto.hardware import count_cores

__all__ = ["load", "write"]


def write(model: Any, file: Path, _training: Images | None = None) -> None:
    """Write a Keras model to an ONNX file."""
    with quietly():
        _teach_erfc()
        model.export(file, format="onnx", verbose=False, input_signature=input_signature(model))


def load(file: Path) -> Predict:
    """Return what predicts with an ONNX file, on all cores that this process may use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count_cores()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(batch: Images) -> np.ndarray:
        probabilities: np.ndarray = session.run(None, {"image": batch.astype(np.float32)})[0]
        return probabilities

    return lambda images: in_batches(run, images)


def _teach_erfc() -> None:
    """Tell tf2onnx of TensorFlow's Erfc, which GELU is made of and which it does not know.

    It is 1 - Erf. All ConvNeXts need it.
    """
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            erf = graph.insert_new_node_on_input(node, "Erf", node.input[0])
            one = graph.make_const(f"{node.name}_one", np.array(1, np.float32))
            graph.replace_inputs(node, [one.output[0], erf.output[0]])
            node.type = "Sub"
