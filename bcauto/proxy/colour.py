"""Colour: white balance, camera filters and split toning; training shifts hue and channels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bcauto.proxy.primitives import Image, Table, as_pixels, level

__all__ = ["channel_mix", "colour_cast", "split_toning"]

CAST_STRENGTH: Table = (0.15, 0.27, 0.40, 0.55, 0.75)  # length of the log-gain vector, nats
MIX_STRENGTH: Table = (0.15, 0.27, 0.40, 0.55, 0.75)  # rms of what is added to the identity
TONING_SHIFT: Table = (25.0, 42.0, 60.0, 80.0, 105.0)  # at black and at white, grey levels

GREY_LEVELS = np.arange(256, dtype=np.float64)[:, None]


def colour_cast(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Set a wrong white balance: a gain for each channel, with a geometric mean of 1.

    Values are clipped at 255. This is colour constancy's diagonal (von Kries) model; Afifi and
    Brown (2019) use it as a test.
    """
    gains = np.exp(level(CAST_STRENGTH, severity) * _tint(rng))
    return _through_curves(image, GREY_LEVELS * gains)


def channel_mix(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Mix the channels as another camera's filters do: by a random 3 x 3 matrix near the identity.

    Each row sums to 1, so that grey stays grey, as in camera colour correction matrices.
    """
    noise = rng.standard_normal((3, 3))
    noise -= noise.mean(axis=1, keepdims=True)
    noise /= np.sqrt(np.mean(noise**2))
    matrix = np.eye(3) + level(MIX_STRENGTH, severity) * noise
    return np.asarray(cv2.transform(image, matrix), dtype=np.uint8)


def split_toning(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Shift shadows towards a random tint and highlights towards its complement; keep mid-grey.

    This is split toning as in photography, as a curve for each channel.
    """
    shift = level(TONING_SHIFT, severity) * _tint(rng)
    return _through_curves(image, GREY_LEVELS + (1 - 2 * GREY_LEVELS / 255) * shift)


def _tint(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a random direction of colour without lightness, (3,): of sum 0 and length 1."""
    tint = rng.standard_normal(3)
    tint -= tint.mean()
    return tint / np.linalg.norm(tint)


def _through_curves(image: Image, curves: npt.NDArray[np.float64]) -> Image:
    """Return the image with each channel mapped by its column of ``curves``, (256, 3) levels."""
    return np.asarray(cv2.LUT(image, as_pixels(curves)[None]), dtype=np.uint8)
