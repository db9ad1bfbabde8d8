"""Checks that a model is plain Keras: saved, it can be loaded without its author's code."""

from __future__ import annotations

import json
from types import FunctionType
from typing import Any

import keras

from bcauto.errors import BadInput
from bcauto.io.model_file import class_tables, foreign_class, without_compile
from bcauto.models.from_config import count_parameters
from bcauto.training.hypermodel.load import in_one_line

__all__ = ["LoadCheck", "check_plain"]

_PLAIN = ("keras", "tensorflow")
"""Packages whose functions a model may have. TensorFlow's are loaded as Keras' functions of the
same name, which compute the same."""


class LoadCheck:
    """Checks that models can be loaded from their configurations, as exported ones are.

    A model whose classes and functions have all been loaded in another one is not loaded, since
    loading a large model takes as long as building it.
    """

    def __init__(self) -> None:
        self.loaded: set[tuple[str, ...]] = set()

    def check(self, classifier: Any) -> None:
        """Check a classifier that has passed ``check_plain``.

        Raises:
            BadInput: it cannot be loaded.
        """
        config = _configuration(classifier)
        parts = {_identity(table) for table in class_tables(config)}
        if parts <= self.loaded:
            return
        try:
            count_parameters(config)
        except Exception as error:  # Keras raises whatever its readers raise
            reason = in_one_line(error)
            raise BadInput(
                f"build must return a model that can be loaded when it is exported ({reason})"
            ) from None
        self.loaded |= parts


def check_plain(classifier: Any) -> None:
    """Check that a model has only Keras' own layers and functions, without loading it.

    Nothing in here may use random numbers, or a trial would train otherwise than without the check.

    Raises:
        BadInput: it has others.
    """
    for layer in classifier._flatten_layers():  # also those in wrappers and inner models
        kind = type(layer)
        if not kind.__module__.startswith("keras.") or isinstance(layer, keras.layers.Lambda):
            raise _not_plain(kind.__name__)
        for function in vars(layer).values():
            # If Keras has a function of the same name, it would silently be loaded instead.
            if isinstance(function, FunctionType) and _package(function) not in _PLAIN:
                raise _not_plain(f"the function {function.__name__} of {kind.__name__}")
    try:
        config = _configuration(classifier)
    except Exception as error:  # Keras raises whatever a user's part raises
        raise _not_plain(f"one that cannot be saved ({in_one_line(error)})") from None
    if got := foreign_class(config):
        raise _not_plain(got)
    for table in class_tables(without_compile(config)):
        if table.get("module") == "builtins" and not _can_be_loaded(table):
            raise _not_plain(f"the {table['class_name']} {table['config']}")


def _not_plain(got: str) -> BadInput:
    return BadInput(
        "build must return a model of Keras' own layers and functions, or an exported model "
        f"could not be loaded without your code, got {got}"
    )


def _package(function: FunctionType) -> str:
    return (function.__module__ or "").partition(".")[0]


def _configuration(classifier: Any) -> dict[str, Any]:
    """Return a model's configuration as it is saved beside the weights."""
    text = json.dumps(keras.saving.serialize_keras_object(classifier))
    config: dict[str, Any] = json.loads(text)
    return config


def _can_be_loaded(table: dict[str, Any]) -> bool:
    """Whether Keras finds a function by its name."""
    try:
        keras.saving.deserialize_keras_object(table, safe_mode=True)
    except Exception:
        return False
    return True


def _identity(table: dict[str, Any]) -> tuple[str, ...]:
    """Return the class or function that a table of a configuration describes."""
    name = table["config"] if isinstance(table.get("config"), str) else ""
    return str(table.get("module")), table["class_name"], name
