"""Ops on brightness and tone: each takes (h, w, 3) uint8 and returns the same shape and dtype.

Where Pillow's ``ImageOps`` is the definition (posterize, solarize, equalize, autocontrast), the
result is Pillow's; brightness and contrast are keras-cv's. No op writes to its input.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.augment.pixels import Image, add_levels, look_up, mix_channels

__all__ = ["autocontrast", "brightness", "contrast", "equalize", "posterize", "solarize"]

_LEVELS = np.arange(256)


def brightness(image: Image, change: float) -> Image:
    """The image with ``change`` of the value range (255) added, -1 (black) to 1 (white)."""
    level = 255 * change
    return add_levels(image, (level, level, level))


def contrast(image: Image, change: float) -> Image:
    """The image with each channel's distance from its mean times 1 + ``change``, -1 (flat) to 1."""
    factor = 1.0 + change
    offsets = [mean * (1.0 - factor) for mean in cv2.mean(image)[:3]]
    return mix_channels(image, _by_channel([factor] * 3, offsets))


def posterize(image: Image, dropped: float) -> Image:
    """The image with the lowest ``dropped`` bits (0 to 7, rounded down) of each value cleared."""
    kept = ~((1 << int(dropped)) - 1)
    return look_up(image, (_LEVELS & kept).astype(np.uint8))


def solarize(image: Image, depth: float, addition: float = 0.0) -> Image:
    """The image with the values of 256 - ``depth`` and above inverted (v becomes 255 - v).

    ``depth`` is in levels, 0 (none inverted) to 256 (all). ``addition`` levels, 0 to 255, are
    added first and clipped, as in keras-cv's RandAugment.
    """
    raised = np.minimum(_LEVELS + addition, 255)
    table = np.where(raised < 256 - depth, raised, 255 - raised)
    return look_up(image, np.rint(table).astype(np.uint8))


def autocontrast(image: Image) -> Image:
    """The image with each channel stretched to reach from 0 to 255; a flat channel stays."""
    bounds = [cv2.minMaxLoc(plane)[:2] for plane in cv2.split(image)]
    lows = [low if high > low else 0.0 for low, high in bounds]
    scales = [255.0 / (high - low) if high > low else 1.0 for low, high in bounds]
    offsets = [-low * scale for low, scale in zip(lows, scales, strict=True)]
    return mix_channels(image, _by_channel(scales, offsets))


def equalize(image: Image) -> Image:
    """The image with each channel's histogram flattened, as ``PIL.ImageOps.equalize`` does it."""
    return cast(Image, cv2.merge([_flattened(plane) for plane in cv2.split(image)]))


def _by_channel(scales: list[float], offsets: list[float]) -> NDArray[np.float64]:
    """Return the (3, 4) map that multiplies each channel by its scale and adds its offset."""
    red, green, blue = scales
    return np.array(
        [[red, 0.0, 0.0, offsets[0]], [0.0, green, 0.0, offsets[1]], [0.0, 0.0, blue, offsets[2]]]
    )


def _flattened(plane: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Return one channel, (h, w) uint8, with a flat histogram; the input itself if it has none."""
    counts = cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    # like Pillow, without the pixels of the highest level, so that this level maps to white
    step = (plane.size - int(counts[counts.nonzero()[0][-1]])) // 255
    if step == 0:
        return plane
    below = counts.cumsum() - counts
    return cv2.LUT(plane, np.minimum((below + step // 2) // step, 255).astype(np.uint8))
