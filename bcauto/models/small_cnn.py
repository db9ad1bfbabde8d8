"""A small convolutional network that trains from scratch in a minute on one core."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["small_cnn"]

_FILTERS = (16, 32, 64, 96, 128)


def small_cnn(input_shape: tuple[int, int, int]) -> Any:
    """Five blocks of convolution, BatchNorm and ReLU, each halving the side but the last.

    Args:
        input_shape: (height, width, 3); values are expected in -1..1.

    Returns:
        A Keras model from images to (h / 16, w / 16, 128) features, about 0.2 M parameters.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    for position, filters in enumerate(_FILTERS):
        strides = 1 if position == len(_FILTERS) - 1 else 2
        x = keras.layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.Activation("relu")(x)
    return keras.Model(inputs, x, name="small_cnn")
