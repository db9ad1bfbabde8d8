"""What a kept model says of validation pictures, as they are and corrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Labelled
from bcauto.errors import BcautoError
from bcauto.hardware import count_cores
from bcauto.proxy.proxy import Integers, Proxy
from bcauto.report.missing import Missing
from bcauto.results.kept import kept_model
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.training.device import start_keras

__all__ = ["Look", "Seen", "look_at", "look_of"]

_LARGE = 5_000_000  # parameters of a network that predicts slowly
_MOST = 1200  # copies that are predicted
_MOST_OF_LARGE = 500
_MOST_CLEAN = 1000  # pictures as they are

Probabilities = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures (n, h, w, 3) uint8 RGB with their classes, and what a model says of them.

    Attributes:
        images: as above.
        labels: (n,) class indices.
        probabilities: (n, classes).
        base: (n,) the validation picture that each is, or is a copy of.
        corruption: (n,) what each was corrupted by, as indices into the proxy's; -1 for nothing.
    """

    images: NDArray[np.uint8]
    labels: Integers
    probabilities: Probabilities
    base: Integers
    corruption: Integers

    @property
    def predicted(self) -> Integers:
        """The most probable class of each, (n,)."""
        found: Integers = self.probabilities.argmax(axis=1)
        return found

    @property
    def sure(self) -> NDArray[np.float64]:
        """The probability of the class that is said, (n,)."""
        found: NDArray[np.float64] = self.probabilities.max(axis=1).astype(np.float64)
        return found


@dataclass(frozen=True)
class Look:
    """What a model says.

    Attributes:
        model: whose it is, such as ``repeat 3 of trial 0``.
        proxy: that its copies come from.
        corrupted: all copies of some validation pictures.
        clean: validation pictures as they are.
    """

    model: str
    proxy: Proxy
    corrupted: Seen
    clean: Seen | Missing


def look_of(opened: OpenStudy, entry: Entry, val: Labelled | Missing) -> Look | Missing:
    """Return what the model that stands for a recipe says of some validation pictures.

    Args:
        opened: the study.
        entry: the recipe.
        val: the study's validation pictures; without them, clean ones are missing.
    """
    try:
        kept = kept_model(opened.folder, entry)
        proxy = Proxy.load(kept.proxy)
        start_keras(count_cores())
        from bcauto.export.load import load_model  # imports Keras

        loaded = load_model(kept.file)
    except BcautoError as error:
        return Missing(f"the winner's model cannot be looked at: {error}")
    most = _MOST_OF_LARGE if kept.run.run.parameters > _LARGE else _MOST
    return look_at(kept.run.name, loaded.predict_probabilities, proxy, val, most)


def look_at(
    model: str,
    predict: Callable[[NDArray[np.uint8]], Probabilities],
    proxy: Proxy,
    val: Labelled | Missing,
    most: int = _MOST,
) -> Look:
    """Return what a model says of all copies of as many validation pictures as ``most`` allows.

    The pictures are chosen class by class in turn, so that every class is there.

    Args:
        model: whose it is.
        predict: gives probabilities (n, classes) of (n, h, w, 3) uint8.
        proxy: of the copies.
        val: the validation pictures that they are copies of.
        most: copies.
    """
    bases, first, counts = np.unique(proxy.base, return_index=True, return_counts=True)
    order = bases[_in_turn(proxy.labels[first])]
    shown = order[: max(1, most // int(counts.max()))]
    chosen = np.flatnonzero(np.isin(proxy.base, shown))
    images = proxy.images[chosen]
    corrupted = Seen(
        images,
        proxy.labels[chosen],
        predict(images),
        proxy.base[chosen],
        proxy.corruption[chosen],
    )
    if isinstance(val, Missing):
        return Look(model, proxy, corrupted, val)
    places = _in_turn(val.labels)[:_MOST_CLEAN]
    clean = val.images[places]
    none = np.full(len(places), -1, np.int64)
    as_is = Seen(clean, val.labels[places], predict(clean), places, none)
    return Look(model, proxy, corrupted, as_is)


def _in_turn(labels: Integers) -> Integers:
    """Return the indices of labels (n,) in such an order that the classes take turns."""
    rank = np.zeros(len(labels), np.int64)
    for each in np.unique(labels):
        places = np.flatnonzero(labels == each)
        rank[places] = np.arange(len(places))
    found: Integers = np.lexsort((labels, rank))
    return found
