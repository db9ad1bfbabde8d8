"""The network of Keras' CIFAR-10 example, which the team DeepL trained from scratch."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["cifar_cnn"]

_FILTERS = (32, 64)
_DROPOUT = 0.25


def cifar_cnn(input_shape: tuple[int, int, int], l2: float = 0.0) -> Any:
    """Build two blocks of two convolutions with ReLU, max-pooling and dropout, without BatchNorm.

    The example's head is ``pooling = "flatten"``, ``head_units = [512]``, ``dropout = [0.0, 0.5]``.

    Args:
        input_shape: (height, width, 3); values are expected in -1..1.
        l2: of the convolutions' kernels.

    Returns:
        A Keras model from images to (about h / 4, w / 4, 64) features, 0.07 M parameters.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    regularizer = keras.regularizers.L2(l2) if l2 else None
    for block, filters in enumerate(_FILTERS, 1):
        for number, padding in enumerate(("same", "valid"), 1):
            x = keras.layers.Conv2D(
                filters,
                3,
                padding=padding,
                activation="relu",
                kernel_regularizer=regularizer,
                name=f"block{block}_conv{number}",
            )(x)
        x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
        x = keras.layers.Dropout(_DROPOUT, name=f"block{block}_dropout")(x)
    return keras.Model(inputs, x, name="cifar_cnn")
