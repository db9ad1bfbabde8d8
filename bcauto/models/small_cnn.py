"""A small convolutional network that trains from scratch in a minute on one core."""

from __future__ import annotations

from typing import Any

import keras

from bcauto.models.convolution import convolution

__all__ = ["small_cnn"]

_FILTERS = (16, 32, 64, 96, 128)


def small_cnn(input_shape: tuple[int, int, int], l2: float = 0.0) -> Any:
    """Build five blocks of convolution, BatchNorm and ReLU; all but the last halve the side.

    Args:
        input_shape: (height, width, 3); values are expected in -1..1.
        l2: of the convolutions' kernels.

    Returns:
        A Keras model from images to (h / 16, w / 16, 128) features, about 0.2 M parameters.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    for block, filters in enumerate(_FILTERS, 1):
        strides = 1 if block == len(_FILTERS) else 2
        x = convolution(x, filters, f"block{block}", l2, strides)
    return keras.Model(inputs, x, name="small_cnn")
