"""Colour and texture of pictures as features, where no pretrained network is at hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images

__all__ = ["texture_features"]

_SIDE = 64  # px, at which pictures are looked at
_RINGS = np.linspace(0, 1.05, 6)  # of the radius: where colours are averaged
_BINS = 8  # of each histogram
_RADII = (1, 2, 4)  # px, of the local binary patterns
_FLAT = 3  # grey levels that a neighbour must be brighter by, or noise would be a pattern


def texture_features(images: Images) -> NDArray[np.float32]:
    """Return colour and texture of images (n, h, w, 3) uint8 as features (n, d).

    For each channel of CIELAB: the mean and deviation on rings around the middle, and a histogram.
    For luma: a histogram of the gradient's length, and of uniform local binary patterns (Ojala,
    Pietikainen and Maenpaa, IEEE Transactions on Pattern Analysis and Machine Intelligence 24,
    2002). None of them changes much when a picture is turned or mirrored.
    """
    return np.stack([_of_one(image) for image in images]).astype(np.float32)


def _of_one(image: NDArray[np.uint8]) -> NDArray[Any]:
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    rings = [lab[ring] for ring in _RING_MASKS]
    moments = [value for ring in rings for value in (ring.mean(axis=0), ring.std(axis=0))]
    histograms = [
        np.histogram(lab[..., channel], _BINS, (0, 256))[0] / _SIDE**2 for channel in range(3)
    ]
    luma = lab[..., 0].astype(np.float32)
    slope = cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
    slopes = np.histogram(np.log1p(slope), _BINS, (0, 8))[0] / _SIDE**2
    patterns = [_patterns(luma, radius) for radius in _RADII]
    return np.concatenate([*moments, *histograms, slopes, *patterns])


def _ring_masks() -> list[NDArray[np.bool_]]:
    down, across = np.indices((_SIDE, _SIDE)) - (_SIDE - 1) / 2
    radius = np.hypot(down, across) / (_SIDE / 2)
    return [(radius >= inner) & (radius < outer) for inner, outer in pairwise(_RINGS)]


_RING_MASKS = _ring_masks()


def _patterns(luma: NDArray[np.float32], radius: int) -> NDArray[Any]:
    """Return how frequent each uniform pattern of eight neighbours is, the last for all others."""
    inner = luma[radius:-radius, radius:-radius]
    height, width = luma.shape
    steps = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    bits = np.stack([
        luma[
            radius + radius * down : height - radius + radius * down,
            radius + radius * across : width - radius + radius * across,
        ]
        > inner + _FLAT
        for down, across in steps
    ])  # fmt: skip
    changes = (bits != np.roll(bits, 1, axis=0)).sum(axis=0)
    kinds = np.where(changes <= 2, bits.sum(axis=0), 9)
    return np.bincount(kinds.ravel(), minlength=10) / kinds.size
