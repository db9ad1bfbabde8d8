"""What bcauto's own networks are made of."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["convolution"]


def convolution(x: Any, filters: int, name: str, l2: float, strides: int = 1) -> Any:
    """A 3 x 3 convolution of the same side, or half of it, with BatchNorm and ReLU.

    Args:
        x: (n, h, w, c).
        filters: channels of the result.
        name: begins the layers' names, such as ``block1``.
        l2: of the kernel.
        strides: 2 halves the side, rounded up.
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
