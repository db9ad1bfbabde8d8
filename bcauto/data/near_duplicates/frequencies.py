"""The low frequencies of pictures, by which all pairs of pictures are compared at once.

They come from the cosine transform of a small copy of the picture: luma below ``_WAVES`` and colour
below half of that, each weighted by its frequency, since pictures have less of the higher ones. In
a mirrored picture, frequencies with an odd number of half waves have the opposite sign; in a
picture with its axes swapped, the same frequencies stand in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images
from bcauto.data.near_duplicates.texture import Turn, small_shift

__all__ = ["Floats", "frequencies", "turn_invariants", "turned"]

Floats = NDArray[np.float32]

_SMALL = 16  # px, side of the small pictures
_WAVES = 8  # half waves from edge to edge
_MOST = (_WAVES, _WAVES / 2, _WAVES / 2)  # of luma and of the two colours
_CHUNK = 512  # pictures at a time
_ROUNDING = 1e-3  # grey levels: a norm that rounding alone can give

_frequency = np.hypot(*np.indices((_WAVES, _WAVES)))
_WEIGHTS = np.stack([np.where(_frequency < most, _frequency, 0) for most in _MOST])
_COSINES = np.cos(np.pi / _SMALL * np.outer(np.arange(_WAVES), np.arange(_SMALL) + 0.5))

_CHANNEL, _DOWN, _ACROSS = np.nonzero(_WEIGHTS)
_places = np.zeros(_WEIGHTS.shape, np.intp)
_places[_CHANNEL, _DOWN, _ACROSS] = np.arange(len(_CHANNEL))
_SWAPPED = _places[_CHANNEL, _ACROSS, _DOWN]  # where each frequency is after axes are swapped


def frequencies(images: Images, shifts: Sequence[tuple[float, float]]) -> Floats:
    """Return frequencies (n, shifts, d) of norm 1, or 0 for a picture that has none.

    Args:
        images: (n, h, w, 3) uint8 RGB.
        shifts: down and across, in px, at most ``small_shift``; every picture is cropped by that
            much at its edges.

    """
    chunks = [images[at : at + _CHUNK] for at in range(0, len(images), _CHUNK)]
    return np.concatenate([_of_chunk(chunk, shifts) for chunk in chunks])


def turned(vectors: Floats, turn: Turn) -> Floats:
    """Return the frequencies (..., d) that pictures have after ``turn``."""
    swapped = vectors[..., _SWAPPED] if turn.swapped else vectors
    odd = (_DOWN * turn.upside_down + _ACROSS * turn.mirrored) % 2
    return swapped * np.where(odd, -1, 1).astype(np.float32)


def turn_invariants(vectors: Floats) -> Floats:
    """Return what no turn changes of frequencies (..., d), as (..., k), to bound correlations.

    Swapping axes exchanges frequencies in pairs, and the norm of a pair stays. By the inequality of
    Cauchy and Schwarz, the invariants' product bounds the correlation of two pictures after any
    turn.
    """
    squares = vectors**2
    pairs = squares + np.where(_DOWN == _ACROSS, 0, squares[..., _SWAPPED])
    return np.sqrt(pairs[..., _DOWN <= _ACROSS])


def _of_chunk(images: Images, shifts: Sequence[tuple[float, float]]) -> Floats:
    """Return the frequencies of so few images that their transforms fit into memory."""
    small = np.array([[_small(image, *shift) for shift in shifts] for image in images])
    waves = np.einsum("uy,vx,nsyxc->nscuv", _COSINES, _COSINES, small, optimize=True) * _WEIGHTS
    kept = waves[..., _CHANNEL, _DOWN, _ACROSS]
    norms = np.linalg.norm(kept, axis=-1, keepdims=True)
    unit = np.where(norms > _ROUNDING, kept / np.maximum(norms, _ROUNDING), 0)
    return unit.astype(np.float32)


def _small(image: NDArray[np.uint8], down: float, across: float) -> NDArray[Any]:
    """Return the small picture after a shift, (_SMALL, _SMALL, 3) of luma and colour."""
    height, width = image.shape[:2]
    margin = small_shift((height, width))
    size = (width - 2 * margin, height - 2 * margin)
    inside = cv2.getRectSubPix(image, size, ((width - 1) / 2 + across, (height - 1) / 2 + down))
    small = cv2.resize(inside, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
