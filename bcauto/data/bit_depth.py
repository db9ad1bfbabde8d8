"""How many bits pictures in files of 16 bits use.

Cameras give 10, 12 or 14 bits, and many programs write these into a file of 16 bits as they are.
Read as 16 bits, such pictures are nearly black. One depth is taken for a whole data set, so that
its pictures keep their brightness beside one another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bcauto.data.image_file import decode_deep
from bcauto.errors import BadInput

__all__ = ["find_depth"]

_log = logging.getLogger(__name__)

_DEPTHS = (8, 10, 12, 14, 16)
_MOST = 99.9  # percent of a picture's values; the rest may be dead pixels and scale bars
_DARK = 16  # a depth's share, as its divisor, below which they make a picture all but black

_SCALED = "{} pictures of 16 bits hold values up to {} only, they are read as pictures of {} bits"
_AS_TRAINED = f"{_SCALED}, as those were that the model was trained on"
_BRIGHTER = (
    "{} pictures of 16 bits hold values up to {}, more than the {} bits of those that the model "
    "was trained on; they are read as pictures of {} bits"
)
_BLACK = "{} pictures of 16 bits are almost black: {} % of their values are at most {:.0f} of {}"

Mapper = Callable[[Callable[[Path], "_Brightness"], Sequence[Path]], Iterable["_Brightness"]]
"""How to call a function for each picture."""


class _Brightness(NamedTuple):
    """The largest value of a picture, and the one that nearly all others are below."""

    largest: int
    most: float


def find_depth(
    where: str, pictures: Sequence[Path], mapped: Mapper, trained: int | None = None
) -> int:
    """Return the bits that pictures use of each colour: 8, 10, 12, 14 or 16.

    It is logged where they are fewer than 16, or where the pictures are nearly black all the same.
    Pictures of the camera that made the training images have as many bits as those, even where
    they are darker; that some have more is logged.

    Args:
        where: the data set, for messages.
        pictures: files whose headers are ``deep``; damaged ones do not count.
        mapped: calls a function for each, as ``map`` does, or a thread pool's ``map``.
        trained: the bits of the images that a model was trained on; None where it is not known.
    """
    found = list(mapped(_brightness, pictures))
    largest = max((one.largest for one in found), default=0)
    if not largest:
        return trained or 16
    least = next(depth for depth in _DEPTHS if largest < 2**depth)
    bits = max(least, trained or 0)
    if trained and least > trained:
        _log.warning("%s: %s", where, _BRIGHTER.format(len(found), largest, trained, bits))
    elif bits < 16:
        scaled = _AS_TRAINED if trained else _SCALED
        _log.warning("%s: %s", where, scaled.format(len(found), largest, bits))
    most = max(one.most for one in found)
    if most < 2**bits / _DARK:
        _log.warning("%s: %s", where, _BLACK.format(len(found), _MOST, most, 2**bits - 1))
    return bits


def _brightness(path: Path) -> _Brightness:
    pixels = None
    with suppress(BadInput):  # it is decoded again, and refused then
        pixels = decode_deep(path)
    if pixels is None or pixels.dtype != np.uint16:
        return _Brightness(0, 0.0)
    return _Brightness(int(pixels.max()), float(np.percentile(pixels, _MOST)))
