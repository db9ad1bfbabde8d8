"""Finds pictures that two sets share, even where one copy is slightly changed.

A picture that is trained on and scored on makes every score too good, even if its two copies differ
in every byte. Cleaning finds equal pictures; this finds the same picture after JPEG compression,
slight blur or noise, a small change of brightness or contrast, a shift by a pixel or two, resizing,
mirroring or a turn by 90 degrees.

There are two steps: all pairs are compared by their low frequencies, which gives candidates; these
are compared by their texture.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images
from bcauto.data.near_duplicates.frequencies import (
    Floats,
    frequencies,
    turn_invariants,
    turned,
)
from bcauto.data.near_duplicates.texture import TURNS, TextureMatcher, Turn, small_shift

__all__ = ["near_duplicates"]

_SIMILAR = 0.92
"""Correlation of frequencies above which a pair is a candidate. Copies of blood cells stay above
it; of pairs of different cells, one or two in a thousand do."""

_FLAT = 1.0  # grey levels: a picture whose channels deviate by less shows one colour
_SAME_COLOUR = 2.0  # grey levels by which the mean colours of two flat pictures may differ
_BLOCK = 2**22  # correlations at a time: 16 MiB


def near_duplicates(train_images: Images, val_images: Images) -> list[tuple[int, int]]:
    """Return the pairs (train index, val index) that are the same picture, in rising order.

    Time grows with the number of pairs of pictures, memory with the number of pictures.

    Args:
        train_images: (n, h, w, 3) uint8 RGB.
        val_images: (m, h, w, 3) uint8 RGB. If h is not w, a copy turned by 90 degrees is found only
            if it was resized to h x w afterwards.

    """
    matcher = TextureMatcher((train_images.shape[1], train_images.shape[2]))
    found = set(_flat_pairs(train_images, val_images))
    for a, b, turn in _candidates(train_images, val_images, matcher.size):
        if (a, b) not in found and matcher.are_same(train_images[a], val_images[b], turn):
            found.add((a, b))
    return sorted(found)


def _flat_pairs(train_images: Images, val_images: Images) -> Iterator[tuple[int, int]]:
    """Yield train index and val index of pictures that show nothing but the same colour."""
    flat_train, colours = _flat(train_images)
    for flat_val, colour in zip(*_flat(val_images), strict=True):
        same = (np.abs(colours - colour) <= _SAME_COLOUR).all(axis=1)
        yield from ((index, flat_val) for index in np.array(flat_train)[same].tolist())


def _flat(images: Images) -> tuple[list[int], NDArray[np.float64]]:
    """Return the indices of the flat pictures, and their mean colours (k, 3)."""
    moments = [cv2.meanStdDev(image) for image in images]
    flat = [index for index, (_, deviation) in enumerate(moments) if deviation.max() < _FLAT]
    return flat, np.array([moments[index][0].ravel() for index in flat]).reshape(-1, 3)


def _candidates(
    train_images: Images, val_images: Images, size: tuple[int, int]
) -> Iterator[tuple[int, int, Turn]]:
    """Yield train index, val index and turn of all similar pairs, by rising val index."""
    train = frequencies(train_images, [(0, 0)])[:, 0]
    val = frequencies(val_images, _shifts(size))
    train_invariants = turn_invariants(train)
    step = max(1, _BLOCK // (len(train) * val.shape[1]))
    for first in range(0, len(val), step):
        block = val[first : first + step]
        possible = turn_invariants(block) @ train_invariants.T > _SIMILAR
        for val_index, (shifted, hits) in enumerate(zip(block, possible, strict=True), first):
            for train_index, turn in sorted(set(_similar(train, shifted, hits))):
                yield train_index, val_index, TURNS[turn]


def _similar(
    train: Floats, shifted: Floats, possible: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Yield train index and number of the turn wherever a val picture is similar after a shift.

    Args:
        train: (n, d), the frequencies of the training pictures.
        shifted: (s, d), those of the val picture after each shift.
        possible: (s, n), False where the pair cannot be similar.

    """
    versions = np.stack([turned(shifted, turn) for turn in TURNS], axis=1)
    for after_shift, hits in zip(versions, possible, strict=True):
        indices = np.flatnonzero(hits)
        turns, places = np.nonzero(after_shift @ train[indices].T > _SIMILAR)
        yield from zip(indices[places].tolist(), turns.tolist(), strict=True)


def _shifts(size: tuple[int, int]) -> list[tuple[float, float]]:
    """Return shifts in px, down and across: no small one is over 2 % of the side from them all."""
    reach, side = small_shift(size), min(size)
    steps: tuple[float, ...] = (0,)
    if reach > 0.035 * side:
        steps = (-0.75 * reach, 0, 0.75 * reach)
    elif reach > 0.015 * side:
        steps = (-0.5 * reach, 0.5 * reach)
    return [(down, across) for down, across in product(steps, repeat=2)]
