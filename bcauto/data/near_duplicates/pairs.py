"""Pictures that two sets share, though one copy may be a little changed.

A picture that is trained on and scored on makes every score too good, also where its two copies
differ in every byte. Cleaning finds equal pictures; this finds the same picture after JPEG
compression, slight blur or noise, a small change of brightness or contrast, a shift by a pixel or
two, resizing, mirroring or a turn by 90 degrees.

It looks twice: at all pairs by their low frequencies, and at those that are alike by their texture.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images
from bcauto.data.near_duplicates.frequencies import Floats, frequencies, sizes, turned
from bcauto.data.near_duplicates.texture import TURNS, Likeness, Turn, small_shift

__all__ = ["near_duplicates"]

_ALIKE = 0.92
"""Least correlation of two pictures' frequencies that earns them the second look. Copies of blood
cells stay above it; of pairs of different cells, one or two in a thousand reach it."""

_FLAT = 1.0  # grey levels: a picture whose channels deviate by less shows nothing
_SHADE = 2.0  # grey levels by which the mean colours of two flat pictures may differ
_BLOCK = 2**22  # correlations at a time: 16 MiB


def near_duplicates(train_images: Images, val_images: Images) -> list[tuple[int, int]]:
    """The pairs (train index, val index) that are one picture, in rising order.

    Time grows with the number of pairs of pictures, memory with the number of pictures.

    Args:
        train_images: (n, h, w, 3) uint8 RGB.
        val_images: (m, h, w, 3) uint8 RGB. Where h is not w, a copy turned by 90 degrees is found
            if it was brought to h x w again.
    """
    likeness = Likeness((train_images.shape[1], train_images.shape[2]))
    found = set(_flat_pairs(train_images, val_images))
    for ours, theirs, turn in _lookalikes(train_images, val_images, likeness.size):
        pair = (ours, theirs)
        if pair not in found and likeness.are_one(train_images[ours], val_images[theirs], turn):
            found.add(pair)
    return sorted(found)


def _flat_pairs(train_images: Images, val_images: Images) -> Iterator[tuple[int, int]]:
    """Train index and val index of pictures that show nothing but the same colour."""
    ours, colours = _flat(train_images)
    for theirs, colour in zip(*_flat(val_images), strict=True):
        same = (np.abs(colours - colour) <= _SHADE).all(axis=1)
        yield from ((index, theirs) for index in np.array(ours)[same].tolist())


def _flat(images: Images) -> tuple[list[int], NDArray[np.float64]]:
    """Indices of the flat pictures, and their mean colours (k, 3)."""
    moments = [cv2.meanStdDev(image) for image in images]
    flat = [index for index, (_, deviation) in enumerate(moments) if deviation.max() < _FLAT]
    return flat, np.array([moments[index][0].ravel() for index in flat]).reshape(-1, 3)


def _lookalikes(
    train_images: Images, val_images: Images, size: tuple[int, int]
) -> Iterator[tuple[int, int, Turn]]:
    """Train index, val index and turn of all that are alike, by rising val index."""
    ours = frequencies(train_images, [(0, 0)])[:, 0]
    theirs = frequencies(val_images, _shifts(size))
    our_sizes = sizes(ours)
    step = max(1, _BLOCK // (len(ours) * theirs.shape[1]))
    for first in range(0, len(theirs), step):
        block = theirs[first : first + step]
        likely = sizes(block) @ our_sizes.T > _ALIKE
        for index, (shifted, hits) in enumerate(zip(block, likely, strict=True), first):
            for row, turn in sorted(set(_alike(ours, shifted, hits))):
                yield row, index, TURNS[turn]


def _alike(ours: Floats, shifted: Floats, likely: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Train index and number of the turn wherever a val picture is alike after one of its shifts.

    Args:
        ours: (n, d), of the training pictures.
        shifted: (s, d), of the val picture after each shift.
        likely: (s, n), whether to look.
    """
    versions = np.stack([turned(shifted, turn) for turn in TURNS], axis=1)
    for after_shift, hits in zip(versions, likely, strict=True):
        rows = np.flatnonzero(hits)
        turns, places = np.nonzero(after_shift @ ours[rows].T > _ALIKE)
        yield from zip(rows[places].tolist(), turns.tolist(), strict=True)


def _shifts(size: tuple[int, int]) -> list[tuple[float, float]]:
    """Shifts down and across, in px, one of which is within 2 % of the side of any small one."""
    reach, side = small_shift(size), min(size)
    steps: tuple[float, ...] = (0,)
    if reach > 0.035 * side:
        steps = (-0.75 * reach, 0, 0.75 * reach)
    elif reach > 0.015 * side:
        steps = (-0.5 * reach, 0.5 * reach)
    return [(down, across) for down, across in product(steps, repeat=2)]
