"""Layers of Keras in a form that every converter understands, computing the same."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

__all__ = ["make_convertible"]


def make_convertible(model: Any) -> None:
    """Change the layers of a model in place, at any depth, where converters stumble over them.

    ``Normalization`` holds tensors, which would become inputs of an ONNX graph beside the picture:
    they become constants. A depthwise ``Conv2D``, as all ConvNeXts have, is compiled by XLA, which
    no converter takes apart: it computes by Keras' depthwise operation instead.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            make_convertible(layer)
        elif isinstance(layer, keras.layers.Normalization):
            layer.mean, layer.variance = np.array(layer.mean), np.array(layer.variance)
        elif type(layer) is keras.layers.Conv2D and layer.groups == layer.filters > 1:
            _make_depthwise(layer)


def _make_depthwise(layer: Any) -> None:
    """Have a convolution with a group for each channel use the operation made for that."""

    def convolve(inputs: Any, kernel: Any) -> Any:
        return keras.ops.depthwise_conv(
            inputs,
            keras.ops.transpose(kernel, (0, 1, 3, 2)),
            strides=layer.strides,
            padding=layer.padding,
            data_format=layer.data_format,
            dilation_rate=layer.dilation_rate,
        )

    if layer.kernel.shape[2] == 1:  # one channel in each group, and one out
        layer.convolution_op = convolve
