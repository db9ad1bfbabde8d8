"""The convolution that bcauto's own networks are built of."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["convolution"]


def convolution(x: Any, filters: int, name: str, l2: float, strides: int = 1) -> Any:
    """Apply a 3 x 3 convolution with BatchNorm and ReLU.

    Args:
        x: (n, h, w, c).
        filters: channels of the result.
        name: how the layers' names begin, such as ``block1``.
        l2: of the kernel.
        strides: 1 keeps height and width, 2 halves them, rounded up.
    """
    x = keras.layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        name=f"{name}_conv",
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)
