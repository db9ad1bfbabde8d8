"""Models as Python has them: Keras' own, whose class names are remembered here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bcauto.errors import BadInput
from bcauto.hardware import count_cores
from bcauto.prediction.source import ModelSource, find_source, load_source
from bcauto.training.device import start_keras

if TYPE_CHECKING:  # it imports Keras
    from bcauto.export.load import LoadedModel

__all__ = ["Model", "handed_out", "loaded", "source_of"]

Model = Any
"""A Keras model, a ``.keras`` file, a folder with a ``model.keras``, or the name of a study;
or what of these was found already."""

_HANDED_OUT: WeakKeyDictionary[Any, ModelSource] = WeakKeyDictionary()
"""Where each model that was handed out is from, with the names of its classes."""


def handed_out(source: ModelSource) -> Any:
    """Return the Keras model of a file; ``loaded`` knows its class names later on."""
    found = load_source(source)
    _HANDED_OUT[found.model] = ModelSource(
        source.file, source.origin, source.study, found.class_names, found.resize, found.bits
    )
    return found.model


def source_of(model: Model, studies_dir: str | os.PathLike[str]) -> ModelSource | None:
    """Return where a model is that is a file, a folder or a study; None for one in memory.

    Raises:
        BadInput: there is no such model.
    """
    if isinstance(model, ModelSource):
        return model
    if isinstance(model, str | os.PathLike):
        return find_source(os.fspath(model), Path(studies_dir), None)
    return None


def loaded(model: Model, studies_dir: str | os.PathLike[str]) -> LoadedModel:
    """Return a model with the names of its classes.

    Those of a Keras model that is the user's own are "0", "1", ...

    Raises:
        BadInput: there is no such model, or it is no classifier of 0-255 RGB images.
    """
    if source := source_of(model, studies_dir):
        return load_source(source)
    start_keras(count_cores())
    from bcauto.export.load import LoadedModel, check_classifier

    if not hasattr(model, "input_shape"):
        raise BadInput(f"model must be a Keras model, a file or a study, got {model!r:.80}")
    height, width, classes = check_classifier(model, "model")
    known = _HANDED_OUT.get(model)
    if known is None or known.class_names is None:
        return LoadedModel(model, (height, width), tuple(map(str, range(classes))))
    return LoadedModel(model, (height, width), known.class_names, known.resize, known.bits)
