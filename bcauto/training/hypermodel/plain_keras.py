"""Whether what a hypermodel builds is plain Keras, which an export can be loaded as."""

from __future__ import annotations

import json
from types import FunctionType
from typing import Any

import keras

from bcauto.errors import BadInput
from bcauto.io.model_file import foreign_kind, tables, uncompiled
from bcauto.models.from_config import count_described
from bcauto.training.hypermodel.load import in_one_line

__all__ = ["Loading", "check_plain"]

_PLAIN = ("keras", "tensorflow")
"""Packages whose functions may be in a model: TensorFlow's are loaded as Keras' of the same name,
which give the same."""


class Loading:
    """Loads what models are saved as, as an export is loaded, but once for each kind of parts."""

    def __init__(self) -> None:
        self.known: set[tuple[str, ...]] = set()

    def check(self, classifier: Any) -> None:
        """Makes sure that a classifier, found plain, can be loaded.

        One that has no class or function which one before it had not is taken to be like it: to
        load a large model takes as long as to build it.

        Raises:
            BadInput: it cannot.
        """
        config = _saved(classifier)
        parts = {_named(table) for table in tables(config)}
        if parts <= self.known:
            return
        try:
            count_described(config)
        except Exception as error:  # Keras raises whatever its readers raise
            reason = in_one_line(error)
            raise BadInput(
                f"build must return a model that can be loaded when it is exported ({reason})"
            ) from None
        self.known |= parts


def check_plain(classifier: Any) -> None:
    """Makes sure that a model is of what Keras itself brings, as far as that is seen unloaded.

    Nothing is drawn at random in here, since a trial of the same seed must come out the same.

    Raises:
        BadInput: it is not.
    """
    for layer in classifier._flatten_layers():  # also those in wrappers and in models inside it
        kind = type(layer)
        if not kind.__module__.startswith("keras.") or isinstance(layer, keras.layers.Lambda):
            raise _not_plain(kind.__name__)
        for function in vars(layer).values():
            # One of a name that Keras has too would be loaded as Keras' own, without a word.
            if isinstance(function, FunctionType) and not _is_plain(function):
                raise _not_plain(f"the function {function.__name__} of {kind.__name__}")
    try:
        config = _saved(classifier)
    except Exception as error:  # Keras raises whatever a user's part raises
        raise _not_plain(f"one that cannot be saved ({in_one_line(error)})") from None
    if got := foreign_kind(config):
        raise _not_plain(got)
    for table in tables(uncompiled(config)):
        if table.get("module") == "builtins" and not _is_loaded(table):
            raise _not_plain(f"the {table['class_name']} {table['config']}")


def _not_plain(got: str) -> BadInput:
    return BadInput(
        "build must return a model of Keras' own layers, functions and the like, or what is "
        f"exported could not be loaded without its code, got {got}"
    )


def _is_plain(function: FunctionType) -> bool:
    return (function.__module__ or "").partition(".")[0] in _PLAIN


def _saved(classifier: Any) -> dict[str, Any]:
    """What a model is saved as, beside its weights."""
    saved: dict[str, Any] = json.loads(json.dumps(keras.saving.serialize_keras_object(classifier)))
    return saved


def _is_loaded(table: dict[str, Any]) -> bool:
    """Whether Keras knows a function by its name alone."""
    try:
        keras.saving.deserialize_keras_object(table, safe_mode=True)
    except Exception:
        return False
    return True


def _named(table: dict[str, Any]) -> tuple[str, ...]:
    """The class or function that a table is of."""
    name = table["config"] if isinstance(table.get("config"), str) else ""
    return str(table.get("module")), table["class_name"], name
