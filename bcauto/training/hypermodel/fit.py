"""A hypermodel's own ``fit``, called as a tuner calls it, on batches that are augmented anew."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
from numpy.typing import NDArray

__all__ = ["AugmentedBatches", "FitData", "call_fit"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass
class _Turn:
    """The epoch that is on, from 1, for a dataset and all its copies."""

    epoch: int = 1


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The training images as a dataset, in batches of one size, each epoch another.

    An epoch ends where Keras says so, or a loop over the dataset has run through. Epochs are
    counted on for all copies together, so that no ``model.fit`` meets again what one before it met.

    Args:
        make: makes a batch of (epoch, index, batch size), as the model takes it.
        steps: batches in an epoch, by the batch size.
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
        self.turn = _Turn()

    def __len__(self) -> int:
        return self.steps(self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        return self.make(self.turn.epoch, index, self.batch_size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        yield from super().__iter__()
        self.on_epoch_end()  # which Keras, that iterates by index, says itself

    def on_epoch_end(self) -> None:
        """Lets the next epoch begin."""
        self.turn.epoch += 1

    def sized(self, batch_size: int) -> AugmentedBatches:
        """The same images in batches of another size."""
        other = copy.copy(self)
        other.batch_size = batch_size
        return other

    def arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """All images and labels of the first epoch, for a ``fit`` that wants arrays."""
        everything = self.steps(1)  # one batch of all, or the last ones would be left over
        return self.make(1, 0, everything)


@dataclass(frozen=True)
class FitData:
    """What a ``fit`` is given, beside the model.

    Batches are ``divided_by`` it, of whatever size ``model.fit`` is asked for.
    """

    train: AugmentedBatches
    validation: tuple[NDArray[Any], NDArray[Any]]
    epochs: int
    divided_by: int = 1


def call_fit(hypermodel: Any, hp: Any, model: Any, data: FitData, callbacks: list[Any]) -> None:
    """Has a hypermodel train a model that it built.

    A ``fit`` with a parameter ``y`` gets arrays, whose pictures are augmented once; any other the
    ``AugmentedBatches``, also in batches of a size that it asks ``model.fit`` for. It is given
    ``validation_data``, ``callbacks``, ``epochs`` and ``batch_size`` as far as it has parameters
    for them; the last two are also what ``model.fit`` takes where it is told nothing else.
    ``model.fit`` raises the ``error`` that a callback has kept, at its end and when called again.
    """
    model.fit = _guided(model, data, callbacks)
    parameters = inspect.signature(hypermodel.fit).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    offered = {
        "validation_data": data.validation,
        "callbacks": callbacks,
        "epochs": data.epochs,
        "batch_size": data.train.batch_size,
    }
    of_any_name = ["validation_data", "callbacks"] if inspect.Parameter.VAR_KEYWORD in kinds else []
    named = {k: v for k, v in offered.items() if k in parameters or k in of_any_name}
    free = [p for n, p in parameters.items() if n not in named and p.kind in _POSITIONAL][2:]
    wants_arrays = "y" in parameters or sum(p.default is p.empty for p in free) > 1
    given = data.train.arrays() if wants_arrays else (data.train,)
    hypermodel.fit(hp, model, *given, **named)


def _guided(model: Any, data: FitData, callbacks: list[Any]) -> Callable[..., Any]:
    """``model.fit`` that reports, prints nothing, and knows epochs and batch size by itself."""
    fit = type(model).fit.__get__(model)
    signature = inspect.signature(fit)

    def guided(*args: Any, **kwargs: Any) -> Any:
        _raise_kept(callbacks)  # by a fit that caught it, and tries again
        given = signature.bind(*args, **kwargs).arguments
        given |= given.pop("kwargs", {})
        asked = given.pop("batch_size", None) or data.train.batch_size
        size = max(1, asked // data.divided_by)
        if isinstance(given.get("x"), AugmentedBatches):
            given.pop("validation_split", None)  # which Keras takes with arrays alone
            given["x"] = given["x"].sized(size)
        else:
            given["batch_size"] = size
        given.setdefault("epochs", data.epochs)
        theirs = given.get("callbacks") or []
        ours = [callback for callback in callbacks if callback not in theirs]
        history = fit(**{**given, "callbacks": [*theirs, *ours], "verbose": 0})
        _raise_kept(callbacks)
        return history

    return guided


def _raise_kept(callbacks: list[Any]) -> None:
    for error in (getattr(callback, "error", None) for callback in callbacks):
        if error:
            raise error
