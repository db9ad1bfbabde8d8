"""Search for the fine-tuning recipe that does best on a hidden, corrupted test set.

    import bcauto

    study = bcauto.search((images, labels), class_names=names, space="quick", trials=8)
    study.trials()              # a pandas DataFrame
    model = study.load_model()  # a Keras model

What is named here is imported when it is first used: ``import bcauto`` itself takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bcauto import callbacks as callbacks
    from bcauto.api.as_hypermodel import as_hypermodel as as_hypermodel
    from bcauto.api.inspect import Inspection as Inspection
    from bcauto.api.inspect import inspect as inspect
    from bcauto.api.predict import evaluate as evaluate
    from bcauto.api.predict import predict as predict
    from bcauto.api.search import search as search
    from bcauto.api.space import Space as Space
    from bcauto.api.study import Study as Study
    from bcauto.api.study import open_study as open_study
    from bcauto.api.train import Trained as Trained
    from bcauto.api.train import train as train
    from bcauto.errors import BadInput as BadInput
    from bcauto.errors import BcautoError as BcautoError
    from bcauto.errors import Interrupted as Interrupted
    from bcauto.errors import NothingUsable as NothingUsable
    from bcauto.errors import TrialFailed as TrialFailed

    __version__: str

_HOMES = {
    "BadInput": "bcauto.errors",
    "BcautoError": "bcauto.errors",
    "Inspection": "bcauto.api.inspect",
    "Interrupted": "bcauto.errors",
    "NothingUsable": "bcauto.errors",
    "Space": "bcauto.api.space",
    "Study": "bcauto.api.study",
    "Trained": "bcauto.api.train",
    "TrialFailed": "bcauto.errors",
    "as_hypermodel": "bcauto.api.as_hypermodel",
    "evaluate": "bcauto.api.predict",
    "inspect": "bcauto.api.inspect",
    "open_study": "bcauto.api.study",
    "predict": "bcauto.api.predict",
    "search": "bcauto.api.search",
    "train": "bcauto.api.train",
}
"""The module of each name."""

__all__ = [
    "BadInput",
    "BcautoError",
    "Inspection",
    "Interrupted",
    "NothingUsable",
    "Space",
    "Study",
    "Trained",
    "TrialFailed",
    "__version__",
    "as_hypermodel",
    "callbacks",
    "evaluate",
    "inspect",
    "open_study",
    "predict",
    "search",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562)."""
    if name == "__version__":
        value: Any = import_module("importlib.metadata").version("bcauto")
    elif name == "callbacks":
        return import_module("bcauto.callbacks")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'bcauto' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
