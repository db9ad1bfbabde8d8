"""A hypermodel loaded by name: a ``HyperModel`` class or instance, or a ``build`` function."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

import keras_tuner

from bcauto.errors import BadInput, did_you_mean
from bcauto.training.hypermodel.contained import contained

__all__ = ["import_module_of", "in_one_line", "load_hypermodel", "overrides_fit"]

_INPUT_SHAPE = ("input_shape", "image_shape", "shape")
_CLASSES = ("num_classes", "classes", "n_classes")
_REASON = 300  # characters of a user's error


class _Function(keras_tuner.HyperModel):  # type: ignore[misc]  # KerasTuner has no types
    """The hypermodel of a ``build(hp)`` function."""

    def __init__(self, build: Any) -> None:
        super().__init__()
        self.build = build


def load_hypermodel(reference: str, image_size: tuple[int, int], classes: int) -> Any:
    """Return the ``keras_tuner.HyperModel`` that ``package.module:Name`` names.

    A class gets the images' shape and the number of classes if its constructor has parameters for
    them (``input_shape``, ``num_classes`` and the like).

    Args:
        reference: module and name.
        image_size: (height, width) in px.
        classes: number of classes.

    Raises:
        BadInput: there is no such module or name, or it is no hypermodel.
    """
    path, _, name = reference.partition(":")
    module = import_module_of(reference)
    if not hasattr(module, name):
        raise BadInput(
            f"--hypermodel: {path} has no {name!r}; {did_you_mean(name, _legal(module))}"
        )
    found = getattr(module, name)
    if isinstance(found, keras_tuner.HyperModel):
        return found
    if inspect.isclass(found) and issubclass(found, keras_tuner.HyperModel):
        return _instance(found, (*image_size, 3), classes)
    if callable(found) and not inspect.isclass(found):
        return _Function(found)
    rule = "must be a keras_tuner.HyperModel or a build(hp) function"
    raise BadInput(f"--hypermodel: {reference} {rule}, got {type(found).__name__}")


def overrides_fit(hypermodel: Any) -> bool:
    """Whether a hypermodel trains its models itself."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def import_module_of(reference: str) -> ModuleType:
    """Return the module that ``package.module:Name`` names.

    Raises:
        BadInput: there is no such module, or it cannot be imported.
    """
    path = reference.partition(":")[0]
    try:
        with contained():
            return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if f"{path}.".startswith(f"{error.name}."):
            rule = "must be importable from the current folder, or installed"
            raise BadInput(f"--hypermodel: the module {rule}, got {path!r}") from None
        raise BadInput(f"--hypermodel: {path} cannot be imported ({in_one_line(error)})") from None
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise BadInput(f"--hypermodel: {path} cannot be imported ({in_one_line(error)})") from None


def _legal(module: ModuleType) -> list[str]:
    """Return the names of what a module itself defines and that can be called."""
    own = (n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__)
    return [name for name in own if callable(getattr(module, name)) and not name.startswith("_")]


def _instance(kind: Any, input_shape: tuple[int, ...], classes: int) -> Any:
    parameters = inspect.signature(kind).parameters
    known = dict.fromkeys(_INPUT_SHAPE, input_shape) | dict.fromkeys(_CLASSES, classes)
    try:
        with contained():
            return kind(**{name: value for name, value in known.items() if name in parameters})
    except Exception as error:
        named = f"{_INPUT_SHAPE[0]} and {_CLASSES[0]}"
        rule = f"must be made without arguments, or with {named} alone"
        raise BadInput(f"--hypermodel: {kind.__name__} {rule} ({in_one_line(error)})") from None


def in_one_line(error: BaseException) -> str:
    """Return an error's type and text, cut to 300 characters, as one line."""
    text = " ".join(str(error).split())
    short = text if len(text) <= _REASON else f"{text[:_REASON]} ..."
    return f"{type(error).__name__}: {short}" if text else type(error).__name__
