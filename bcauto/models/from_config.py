"""The number of parameters of a model, from its configuration alone."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["count_parameters"]


def count_parameters(config: dict[str, Any]) -> int:
    """Count the parameters of a model without allocating them: they may not fit into memory.

    Args:
        config: as ``keras.saving.serialize_keras_object`` makes it, without ``compile_config``.

    Raises:
        Exception: of any kind, by Keras, if the model cannot be loaded safely.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
            return int(model.count_params())
    finally:
        keras.backend.clear_session()  # or Keras would allocate them later
