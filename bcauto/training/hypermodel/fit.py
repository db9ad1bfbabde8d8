"""A hypermodel's own ``fit``, called as a tuner calls it, on batches augmented anew each epoch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
from numpy.typing import NDArray

from bcauto.training.hypermodel.contained import contained

__all__ = ["AugmentedBatches", "FitData", "call_fit"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass
class _Counter:
    """The current epoch, from 1, of a dataset and all its copies."""

    epoch: int = 1


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The training images as a Keras dataset of batches of one size, augmented anew each epoch.

    An epoch ends when Keras calls ``on_epoch_end``, or a loop over the dataset ends. All copies
    count epochs together, so that a second ``model.fit`` gets other batches than the first.

    Args:
        make: makes a batch by (epoch, index, batch size), as the model takes it.
        steps: gives the number of batches in an epoch, by the batch size.
        batch_size: at most.
    """

    def __init__(
        self,
        make: Callable[[int, int, int], tuple[NDArray[Any], NDArray[Any]]],
        steps: Callable[[int], int],
        batch_size: int,
    ) -> None:
        super().__init__()
        self.make, self.steps, self.batch_size = make, steps, batch_size
        self.counter = _Counter()

    def __len__(self) -> int:
        return self.steps(self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        return self.make(self.counter.epoch, index, self.batch_size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        yield from super().__iter__()
        self.on_epoch_end()  # Keras calls it itself, since it gets batches by index

    def on_epoch_end(self) -> None:
        """Begin the next epoch."""
        self.counter.epoch += 1

    def sized(self, batch_size: int) -> AugmentedBatches:
        """Return the same images in batches of another size."""
        other = copy.copy(self)
        other.batch_size = batch_size
        return other

    def arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return all images and labels of the first epoch, for a ``fit`` that takes arrays."""
        everything = self.steps(1)  # as one batch, so that none is left out
        return self.make(1, 0, everything)


@dataclass(frozen=True)
class FitData:
    """The data and settings that a ``fit`` is called with.

    Attributes:
        train: the training images.
        validation: images and labels.
        epochs: of ``model.fit`` if it is not told otherwise.
        divided_by: any batch size that ``model.fit`` is asked for is divided by it.
    """

    train: AugmentedBatches
    validation: tuple[NDArray[Any], NDArray[Any]]
    epochs: int
    divided_by: int = 1


def call_fit(hypermodel: Any, hp: Any, model: Any, data: FitData, callbacks: list[Any]) -> None:
    """Call a hypermodel's ``fit`` to train a model that it built.

    A ``fit`` with a parameter ``y`` gets arrays, augmented once; any other gets the
    ``AugmentedBatches``. ``validation_data``, ``callbacks``, ``epochs`` and ``batch_size`` are
    passed as far as it has parameters for them. ``model.fit`` is replaced by one that always calls
    the callbacks and prints nothing, see ``_fit_with_defaults``.
    """
    model.fit = _fit_with_defaults(model, data, callbacks)
    parameters = inspect.signature(hypermodel.fit).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    offered = {
        "validation_data": data.validation,
        "callbacks": callbacks,
        "epochs": data.epochs,
        "batch_size": data.train.batch_size,
    }
    by_kwargs = ["validation_data", "callbacks"] if inspect.Parameter.VAR_KEYWORD in kinds else []
    named = {k: v for k, v in offered.items() if k in parameters or k in by_kwargs}
    free = [p for n, p in parameters.items() if n not in named and p.kind in _POSITIONAL][2:]
    wants_arrays = "y" in parameters or sum(p.default is p.empty for p in free) > 1
    given = data.train.arrays() if wants_arrays else (data.train,)
    with contained():
        hypermodel.fit(hp, model, *given, **named)


def _fit_with_defaults(model: Any, data: FitData, callbacks: list[Any]) -> Callable[..., Any]:
    """Return a ``model.fit`` with our epochs and batch size as defaults, that calls our callbacks.

    It prints nothing. When it ends, and when it is called again, it raises the ``error`` that a
    callback has kept.
    """
    fit = type(model).fit.__get__(model)
    signature = inspect.signature(fit)

    def fit_with_defaults(*args: Any, **kwargs: Any) -> Any:
        _raise_kept(callbacks)  # a hypermodel may have caught it, and tried again
        given = signature.bind(*args, **kwargs).arguments
        given |= given.pop("kwargs", {})
        asked = given.pop("batch_size", None) or data.train.batch_size
        size = max(1, asked // data.divided_by)
        if isinstance(given.get("x"), AugmentedBatches):
            given.pop("validation_split", None)  # Keras takes it with arrays only
            given["x"] = given["x"].sized(size)
        else:
            given["batch_size"] = size
        given.setdefault("epochs", data.epochs)
        theirs = given.get("callbacks") or []
        ours = [callback for callback in callbacks if callback not in theirs]
        history = fit(**{**given, "callbacks": [*theirs, *ours], "verbose": 0})
        _raise_kept(callbacks)
        return history

    return fit_with_defaults


def _raise_kept(callbacks: list[Any]) -> None:
    for error in (getattr(callback, "error", None) for callback in callbacks):
        if error:
            raise error
