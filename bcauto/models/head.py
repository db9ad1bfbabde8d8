"""The head of a classifier: pooling, dense layers, softmax."""

from __future__ import annotations

from typing import Any

import keras

from bcauto.recipe.network import Head, Normalization

__all__ = ["build_head"]

_POOLING = {
    "average": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
    "flatten": keras.layers.Flatten,
}
_REDUCTION = 16  # of the channels in squeeze-and-excitation (Hu et al. 2018)


def build_head(features: Any, head: Head, classes: int) -> Any:
    """Return the probabilities (n, classes) float32 of features (n, h, w, channels)."""
    x = _normalized(features, head.feature_normalization)
    if head.squeeze_excitation:
        x = _squeeze_excite(x)
    x = _POOLING[head.pooling](name="pool")(x)
    x = _normalized(x, head.pooled_normalization)
    after_pooling, *after_dense = head.dropouts
    x = keras.layers.Dropout(after_pooling)(x)
    regularizer = keras.regularizers.L2(head.l2) if head.l2 else None
    for units, dropout in zip(head.head_units, after_dense, strict=True):
        x = keras.layers.Dense(units, kernel_regularizer=regularizer)(x)
        x = _normalized(x, head.normalization)
        x = keras.layers.Activation(head.activation)(x)
        x = keras.layers.Dropout(dropout)(x)
    # Softmax in float32 also under mixed precision: float16 would round probabilities.
    return keras.layers.Dense(
        classes,
        activation="softmax",
        kernel_regularizer=regularizer,
        dtype="float32",
        name="classes",
    )(x)


def _normalized(x: Any, normalization: Normalization) -> Any:
    if normalization == "batch":
        return keras.layers.BatchNormalization()(x)
    if normalization == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-6)(x)
    return x


def _squeeze_excite(features: Any) -> Any:
    """Weight each channel by a factor in 0..1 that is computed from the means of all channels."""
    channels = features.shape[-1]
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(features)
    x = keras.layers.Dense(max(1, channels // _REDUCTION), activation="relu", name="reduce")(x)
    x = keras.layers.Dense(channels, activation="sigmoid", name="excite")(x)
    return keras.layers.Multiply(name="excited")([features, x])
