"""Predicts pictures batch by batch, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bcauto.data.unlabelled import Pictures, open_pictures
from bcauto.errors import NothingUsable
from bcauto.export.load import LoadedModel
from bcauto.training.scoring import BATCH

__all__ = ["Predicted", "Predictions", "check_any", "predict", "predict_batches"]


class Predicted(NamedTuple):
    """What a model says of a batch of pictures.

    Attributes:
        names: of the pictures that were read.
        probabilities: (n, classes) float32.
        damaged: why other pictures of the batch could not be read, by name.
        resized: how many of the former had another size than the model's.
    """

    names: list[str]
    probabilities: NDArray[np.float32]
    damaged: dict[str, str]
    resized: int


def predict_batches(model: LoadedModel, pictures: Pictures) -> Iterator[Predicted]:
    """Yield what a model predicts for pictures, in their order.

    They are brought to the model's size as its manifest says that it was trained. The next batches
    are read while one is predicted.

    Raises:
        BadInput: an npz file is damaged.
    """
    none = np.empty((0, len(model.class_names)), np.float32)
    for batch in pictures.batches(model.image_size, model.resize, BATCH, model.bits):
        found = model.predict_probabilities(batch.images) if batch.names else none
        yield Predicted(batch.names, found.astype(np.float32), batch.damaged, batch.resized)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of pictures.

    Attributes:
        class_names: in the model's order.
        names: of the pictures that were read: the path, and in an npz file the index.
        probabilities: (n, classes) float32.
        damaged: why other pictures could not be read, by name.
    """

    class_names: tuple[str, ...]
    names: list[str]
    probabilities: NDArray[np.float32]
    damaged: dict[str, str]

    @property
    def classes(self) -> list[str]:
        """The most probable class of each picture."""
        return [self.class_names[label] for label in self.probabilities.argmax(axis=1)]


def predict(model: LoadedModel, paths: Sequence[Path]) -> Predictions:
    """Return what a model predicts for all pictures in files, folders, zips and npz files.

    Raises:
        BadInput: see ``bcauto.data.unlabelled.open_pictures``.
        NothingUsable: no picture can be read.
    """
    with open_pictures(paths) as pictures:
        batches = list(predict_batches(model, pictures))
    names = [name for batch in batches for name in batch.names]
    damaged = {name: why for batch in batches for name, why in batch.damaged.items()}
    check_any(len(names), damaged)
    probabilities = np.concatenate([batch.probabilities for batch in batches])
    return Predictions(model.class_names, names, probabilities, damaged)


def check_any(read: int, damaged: dict[str, str]) -> None:
    """Refuse pictures of which none could be read.

    Raises:
        NothingUsable: with the first and why.
    """
    if not read:
        name, why = next(iter(damaged.items()))
        rule = "must hold a picture that can be read"
        raise NothingUsable(f"PICTURES {rule}, got {len(damaged)} that cannot, first {name}: {why}")
