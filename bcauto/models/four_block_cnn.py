"""A plain network of four blocks, which the team GradientGang trained from scratch."""

from __future__ import annotations

from typing import Any

import keras

from bcauto.models.convolution import convolution

__all__ = ["four_block_cnn"]

_FILTERS = (32, 64, 128, 256)


def four_block_cnn(input_shape: tuple[int, int, int], l2: float = 0.0) -> Any:
    """Build four blocks of convolution, BatchNorm, ReLU and max-pooling.

    Args:
        input_shape: (height, width, 3); values are expected in -1..1.
        l2: of the convolutions' kernels.

    Returns:
        A Keras model from images to (h / 16, w / 16, 256) features, about 0.4 M parameters.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    for block, filters in enumerate(_FILTERS, 1):
        x = convolution(x, filters, f"block{block}", l2)
        x = keras.layers.MaxPooling2D(padding="same", name=f"block{block}_pool")(x)
    return keras.Model(inputs, x, name="four_block_cnn")
