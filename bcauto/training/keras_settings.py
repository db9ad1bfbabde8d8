"""Keras' settings for the whole process, which decide what a model computes.

Keras takes them from ``keras.json`` in ``KERAS_HOME`` or ``~/.keras``, where an older project may
have left others, and from environment variables. bcauto's processes have its own, all but the
backend, which ``KERAS_BACKEND`` may name.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bcauto.errors import BadInput

__all__ = ["check_settings", "keras_backend", "pin_settings", "pin_variables", "settings_kept"]

_BACKENDS = ("tensorflow", "jax", "torch")  # those that can train
_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # of every ``fit``
_LEGAL: dict[str, tuple[Any, ...]] = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}
"""What Keras must find in ``keras.json``, or it cannot be imported."""


def keras_backend() -> str:
    """Return the backend that Keras will have, without importing it, which takes seconds."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def check_settings() -> None:
    """Check that Keras can be imported with what it reads; Keras itself is not imported.

    Raises:
        BadInput: ``KERAS_BACKEND`` names none that trains and is installed, or ``keras.json`` has a
            value that Keras does not take.
    """
    backend = keras_backend()
    if backend not in _BACKENDS or find_spec(backend) is None:
        here = ", ".join(name for name in _BACKENDS if find_spec(name))
        raise BadInput(
            f"KERAS_BACKEND must be one that trains and is installed ({here} here), got {backend!r}"
        )
    file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Keras does without it, too
        return
    advice = "mend the file or delete it, Keras cannot be imported with it"
    if not isinstance(found, dict):
        raise BadInput(f"{file}: must hold an object, got {found!r:.80}; {advice}")
    for key, legal in _LEGAL.items():
        if found.get(key, legal[0]) not in legal:
            rule = f"{key} must be {' or '.join(legal)}"
            raise BadInput(f"{file}: {rule}, got {found[key]!r:.80}; {advice}")
    if not isinstance(found.get("epsilon", 1e-7), float):
        raise BadInput(f"{file}: epsilon must be a float, got {found['epsilon']!r:.80}; {advice}")


def pin_variables() -> None:
    """Set the environment so that Keras, once imported, has our backend and no limit of epochs."""
    os.environ["KERAS_BACKEND"] = keras_backend()
    for name in _LIMITS:
        os.environ.pop(name, None)


def pin_settings() -> None:
    """Give Keras, which is imported, the settings that it has where there is no ``keras.json``."""
    config = importlib.import_module("keras").config
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    config.set_dtype_policy("float32")


@contextmanager
def settings_kept() -> Iterator[None]:
    """Set back the settings of Keras, which is imported, once the context is closed."""
    config = importlib.import_module("keras").config
    floatx, epsilon = config.floatx(), config.epsilon()
    image_data_format, policy = config.image_data_format(), config.dtype_policy()
    try:
        yield
    finally:
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_image_data_format(image_data_format)
        config.set_dtype_policy(policy)
