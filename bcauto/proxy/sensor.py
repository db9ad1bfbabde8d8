"""Sensor and compression: shot noise, JPEG below training's quality 50, pixelation."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from bcauto.proxy.primitives import Image, Table, as_pixels, level, short_side

__all__ = ["jpeg", "pixelation", "shot_noise"]

SHOT_PHOTONS: Table = (90.0, 45.0, 22.0, 11.0, 6.0)  # counted at white, in each pixel and channel

JPEG_QUALITY: Table = (30, 18, 11, 7, 4)  # of 1 to 100 (libjpeg); training stays at 50 or more
JPEG_BLOCK = 16  # pixels along a block of subsampled colour

PIXELATION_GROWTH: Table = (0.003, 0.013, 0.024, 0.039, 0.057)  # of two pixels, of the short side


def shot_noise(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Replace values by Poisson counts of photons, so that light parts are noisier than dark ones.

    After ImageNet-C's shot noise. The square root of a Poisson count is nearly normal with variance
    1/4 (Anscombe, 1948), and is sampled five times as fast as the count itself.
    """
    photons = np.float32(level(SHOT_PHOTONS, severity))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    roots = np.sqrt(image * (photons / 255)) + noise / 2
    return as_pixels(np.square(np.maximum(roots, 0)) * (255 / photons))


def jpeg(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Compress as JPEG of low quality, with blocks that start anywhere, as in a cropped photograph.

    After ImageNet-C's and MedMNIST-C's JPEG compression.
    """
    quality = int(level(JPEG_QUALITY, severity))
    return _out_of_step(image, JPEG_BLOCK, rng, lambda padded: _compressed(padded, quality))


def pixelation(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Show the image in large square pixels that start anywhere, each the mean of what it covers.

    After ImageNet-C's and MedMNIST-C's pixelate.
    """
    size = 2 + level(PIXELATION_GROWTH, severity) * short_side(image)
    return _out_of_step(image, int(np.ceil(size)), rng, lambda padded: _coarse(padded, size))


def _compressed(image: Image, quality: int) -> Image:
    """Return the image after JPEG compression and decompression."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # OpenCV writes and reads blue first
    _, code = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _coarse(image: Image, size: float) -> Image:
    """Return the image in pixels of ``size`` old ones, at its own height and width."""
    height, width = image.shape[:2]
    small = (max(1, round(width / size)), max(1, round(height / size)))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    grown = cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(grown, dtype=np.uint8)


def _out_of_step(
    image: Image, block: int, rng: np.random.Generator, change: Callable[[Image], Image]
) -> Image:
    """Return the image after ``change``, whose blocks of ``block`` pixels start at a random place.

    The image is padded by its mirror image, changed, and cropped.
    """
    height, width = image.shape[:2]
    top, left = (rng.random(2) * block).astype(int)
    padded = cv2.copyMakeBorder(image, top, block - top, left, block - left, cv2.BORDER_REFLECT)
    return change(np.asarray(padded, dtype=np.uint8))[top : top + height, left : left + width]
