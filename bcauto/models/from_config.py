"""A model made from its description alone, as an export is loaded, without its parameters."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["count_described"]


def count_described(config: dict[str, Any]) -> int:
    """The parameters of a described model, none of which is made: no memory may hold them.

    Raises:
        Exception: Keras' readers raise whatever they raise where it cannot be loaded safely.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
            return int(model.count_params())
    finally:
        keras.backend.clear_session()  # or Keras would still make the parameters later
