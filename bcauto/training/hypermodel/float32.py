"""A model in float32, whatever it was built in."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["in_float32"]

_OTHERS = frozenset({"float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"})


def in_float32(model: Any) -> Any:
    """Return the model with its weights, in which every layer and operation computes in float32.

    It is the model itself where that is so already.
    """
    config = keras.saving.serialize_keras_object(model)
    changed = _replaced(config)
    if changed == config:
        return model
    copy = keras.saving.deserialize_keras_object(changed, safe_mode=True)
    copy.set_weights(model.get_weights())
    return copy


def _replaced(config: Any) -> Any:
    """Return a configuration in which every type of float is float32."""
    if isinstance(config, dict):
        return {key: _replaced(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(map(_replaced, config))
    return "float32" if isinstance(config, str) and config in _OTHERS else config
