"""Occlusion: irregular things hide parts; training hides rectangles and grids only."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bcauto.proxy.primitives import Image, Table, as_pixels, level, short_side, smooth_noise

__all__ = ["blobs", "scratches", "spatter"]

BLOB_AREA: Table = (0.06, 0.12, 0.18, 0.26, 0.34)  # hidden, of the image's area
BLOB_PATCHES = 4.0  # bumps along the short side, of which the highest are hidden

SCRATCH_COUNT: Table = (2, 4, 7, 11, 16)  # curves
SCRATCH_WIDTH = 0.011  # of the short side; below one pixel the curves are faint instead
SCRATCH_PIECES = 12  # straight pieces of a curve

SPATTER_AREA: Table = (0.06, 0.12, 0.19, 0.27, 0.36)  # touched, of the image's area
SPATTER_PATCHES = 13.0  # droplets along the short side
SPATTER_EDGE = 0.4  # softness of a droplet's edge, in standard deviations of the field
SPATTER_OPACITY = 0.9  # of a droplet's middle

SUBPIXEL_BITS = 4  # OpenCV draws at sixteenths of a pixel


def blobs(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Hide irregular patches under one random colour.

    After the irregular masks of image inpainting (Liu et al., 2018).
    """
    field = smooth_noise(image, BLOB_PATCHES, 1, rng)[..., 0]
    colour = rng.integers(0, 256, 3, dtype=np.uint8)
    hidden = field >= np.quantile(field, 1 - level(BLOB_AREA, severity))
    covered = image.copy()
    covered[hidden] = colour
    return covered


def spatter(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Add many small, soft droplets of one random colour; after ImageNet-C's spatter (2019)."""
    field = smooth_noise(image, SPATTER_PATCHES, 1, rng)
    colour = rng.integers(0, 256, 3).astype(np.float32)
    edge = np.quantile(field, 1 - level(SPATTER_AREA, severity))
    opacity = np.float32(SPATTER_OPACITY) * np.clip((field - edge) / SPATTER_EDGE, 0, 1)
    return as_pixels(image + opacity * (colour - image))


def scratches(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Add thin curves across the image: dark hairs and bright scratches.

    A greater severity keeps the curves of a lesser one and adds others.
    """
    count = int(level(SCRATCH_COUNT, severity))
    width = SCRATCH_WIDTH * short_side(image)
    drawn, pixels = image.copy(), max(1, round(width))
    for _ in range(count):
        curve, grey = _curve(image, rng), _hair_or_scratch(rng)
        cv2.polylines(drawn, [curve], False, (grey,) * 3, pixels, cv2.LINE_AA, SUBPIXEL_BITS)
    opacity = min(1.0, width)
    scratched = cv2.addWeighted(drawn, opacity, image, 1 - opacity, 0)
    return np.asarray(scratched, dtype=np.uint8)


def _curve(image: Image, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Return a random quadratic Bezier curve that may leave the image, (points, 2) in 1/16 px."""
    height, width = image.shape[:2]
    start, bend, end = rng.uniform(-0.2, 1.2, (3, 2)) * (width, height)
    t = np.linspace(0, 1, SCRATCH_PIECES + 1)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    return np.asarray(np.rint(points * 2**SUBPIXEL_BITS), dtype=np.int32)


def _hair_or_scratch(rng: np.random.Generator) -> int:
    """Return a random grey level, dark or light, each as likely."""
    depth = int(rng.integers(0, 60))
    return depth if rng.random() < 0.5 else 255 - depth
