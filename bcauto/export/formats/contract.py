"""What every format has in common: its input, how it is written, how it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import keras
import numpy as np

from bcauto.data.labelled import Images
from bcauto.training.device import quiet_stderr

__all__ = ["BATCH", "Codec", "Predict", "in_batches", "input_signature", "quietly"]

BATCH = 32
"""Pictures that a runtime is given at a time."""

Predict = Callable[[Images], np.ndarray]
"""Takes pictures (n, h, w, 3) uint8, and gives probabilities (n, classes), or labels (n,)."""


@dataclass(frozen=True)
class Codec:
    """A format.

    Attributes:
        write: writes a Keras model, in float32, to a path that does not exist. The pictures
            (n, h, w, 3) uint8 are of the training set, for what has to be calibrated.
        load: opens what was written, in the format's own runtime.
        exact: whether it must give the probabilities that Keras gives.
    """

    write: Callable[[Any, Path, Images | None], None]
    load: Callable[[Path], Predict]
    exact: bool = True


def input_signature(model: Any) -> list[Any]:
    """Return what an exported model takes: any number of pictures, float32, called ``image``."""
    return [keras.InputSpec(shape=model.input_shape, dtype="float32", name="image")]


def in_batches(run: Predict, images: Images) -> np.ndarray:
    """Return what a runtime gives for pictures, ``BATCH`` of which it takes at a time.

    The last batch is filled up, since a runtime prepares itself for each number of pictures.

    Args:
        run: takes exactly ``BATCH`` pictures.
        images: (n, h, w, 3) uint8, one or more.
    """
    given = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        missing = BATCH - len(batch)
        filled = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
        given.append(np.array(run(filled))[: len(batch)])
    return np.concatenate(given)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what converters say of their progress and of one another off the screen."""
    with quiet_stderr(), catch_warnings():
        simplefilter("ignore")
        yield
