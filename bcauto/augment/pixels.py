"""What ops are made of: the image type, resampling, and maps of one pixel's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FILLS",
    "Fill",
    "Image",
    "add_levels",
    "blend",
    "look_up",
    "mix_channels",
    "span",
    "warp",
]

Image: TypeAlias = NDArray[np.uint8]
"""One RGB image, (h, w, 3) uint8, values 0-255."""

Fill: TypeAlias = Literal["reflect", "constant", "nearest", "wrap"]
"""What is outside the edge, in Keras' words: ``dcba|abcd|dcba``, ``0000|abcd|0000``,
``aaaa|abcd|dddd`` or ``abcd|abcd|abcd``."""

FILLS: Mapping[Fill, int] = MappingProxyType(
    {
        "reflect": cv2.BORDER_REFLECT,  # with the edge pixel twice, unlike OpenCV's default
        "constant": cv2.BORDER_CONSTANT,
        "nearest": cv2.BORDER_REPLICATE,
        "wrap": cv2.BORDER_WRAP,
    }
)


def warp(image: Image, matrix: NDArray[np.float64], fill: Fill) -> Image:
    """Resample an image bilinearly; ``matrix`` (2, 3) maps a place (x, y) to its source."""
    height, width = image.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = FILLS[fill]
    # OpenCV warps four channels a quarter faster than three, and to the same values
    four = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    four = cv2.warpAffine(four, matrix, (width, height), flags=flags, borderMode=border)
    return cast(Image, cv2.cvtColor(four, cv2.COLOR_RGBA2RGB))


def look_up(image: Image, table: NDArray[np.uint8]) -> Image:
    """Replace every value v of an image by ``table[v]``; the table is (256,)."""
    return cast(Image, cv2.LUT(image, table))


def mix_channels(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Multiply every pixel of an image by ``matrix``, round and clip to 0-255.

    ``matrix`` is (3, 3), or (3, 4) with an offset in levels in the last column.
    """
    return cast(Image, cv2.transform(image, matrix))


def add_levels(image: Image, levels: tuple[float, float, float]) -> Image:
    """Add ``levels``, one for each channel, to every pixel, round and clip to 0-255."""
    matrix = np.eye(3, 4)
    matrix[:, 3] = levels
    return mix_channels(image, matrix)


def blend(images: Sequence[Image], weights: Sequence[float]) -> Image:
    """Return the weighted sum of images, rounded once; weights are 0 to 1 and sum to 1.

    Images are added two at a time in float32, which is where OpenCV is fast.
    """
    pairs = [
        cv2.addWeighted(one, first, other, second, 0.0, dtype=cv2.CV_32F)
        for one, other, first, second in zip(
            images[::2], images[1::2], weights[::2], weights[1::2], strict=False
        )
    ]
    if len(images) % 2:
        pairs.append(images[-1] * np.float32(weights[-1]))
    for pair in pairs[1:-1]:
        cv2.add(pairs[0], pair, dst=pairs[0])
    last = pairs[-1] if len(pairs) > 1 else np.zeros_like(pairs[0])
    return cast(Image, cv2.addWeighted(pairs[0], 1.0, last, 1.0, 0.0, dtype=cv2.CV_8U))


def span(length: int, share: float, rng: np.random.Generator) -> slice:
    """Return the pixels of an axis that a cut of ``share`` of its length covers, at random.

    The cut's middle is uniform over the axis, so that a part of it may lie outside.
    """
    middle, half = rng.random() * length, share * length / 2
    return slice(max(round(middle - half), 0), min(max(round(middle + half), 0), length))
