"""Colour: other white balances, sensors and tone curves than training's hue and channel shifts."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bcauto.proxy.fields import Image, Table, as_pixels, level

__all__ = ["channel_mix", "colour_cast", "split_toning"]

CAST_STRENGTH: Table = (0.15, 0.27, 0.40, 0.55, 0.75)  # length of the log-gain vector, nats
MIX_STRENGTH: Table = (0.15, 0.27, 0.40, 0.55, 0.75)  # rms of what is added to the identity
TONING_SHIFT: Table = (25.0, 42.0, 60.0, 80.0, 105.0)  # at black and at white, grey levels

GREY_LEVELS = np.arange(256, dtype=np.float64)[:, None]


def colour_cast(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """A wrong white balance: one gain for each channel, their geometric mean 1, clipped at 255.

    Colour constancy's diagonal (von Kries) model; the use as a test is Afifi and Brown's (2019).
    """
    gains = np.exp(level(CAST_STRENGTH, severity) * _tint(rng))
    return _through_curves(image, GREY_LEVELS * gains)


def channel_mix(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Another camera's colour filters: a random 3 x 3 matrix near the identity.

    Each row sums to 1, so that grey stays grey; the idea follows camera colour correction matrices.
    """
    noise = rng.standard_normal((3, 3))
    noise -= noise.mean(axis=1, keepdims=True)
    noise /= np.sqrt(np.mean(noise**2))
    matrix = np.eye(3) + level(MIX_STRENGTH, severity) * noise
    return np.asarray(cv2.transform(image, matrix), dtype=np.uint8)


def split_toning(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Shadows drawn to a random tint, highlights to its complement, mid-grey left alone.

    Photographers' split toning, as a curve for each channel.
    """
    shift = level(TONING_SHIFT, severity) * _tint(rng)
    return _through_curves(image, GREY_LEVELS + (1 - 2 * GREY_LEVELS / 255) * shift)


def _tint(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A random direction of colour without lightness: three values of zero sum and unit length."""
    tint = rng.standard_normal(3)
    tint -= tint.mean()
    return tint / np.linalg.norm(tint)


def _through_curves(image: Image, curves: npt.NDArray[np.float64]) -> Image:
    """The image with each channel read through its column of ``curves``, (256, 3) grey levels."""
    return np.asarray(cv2.LUT(image, as_pixels(curves)[None]), dtype=np.uint8)
