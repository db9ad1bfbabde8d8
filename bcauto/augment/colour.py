"""Ops on colour: each takes (h, w, 3) uint8 and returns the same shape and dtype.

They follow keras-cv's layers of the same names. No op writes to its input.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.augment.pixels import Image, add_levels, mix_channels

__all__ = ["channel_shift", "channel_shuffle", "degenerate_colour", "hue", "saturation"]

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's "L" and tf.image
_MOST_SATURATION = 1e6  # as good as an infinite factor, since the smallest saturation is 1/255


def degenerate_colour(image: Image, fraction: float) -> Image:
    """The image blended with its own grey by ``fraction``, 0 (as it is) to 1 (grey)."""
    grey = np.tile(_LUMA, (3, 1))
    return mix_channels(image, (1.0 - fraction) * np.eye(3) + fraction * grey)


def saturation(image: Image, change: float) -> Image:
    """The image with HSV saturation times (1 + change) / (1 - change), -1 (grey) to 1 (full).

    This is keras-cv's ``RandomSaturation`` at factor .5 + ``change`` / 2. A change of zero gives
    the image back untouched.
    """
    factor = min((1.0 + change) / max(1.0 - change, 1e-9), _MOST_SATURATION)
    if factor == 1.0:
        return image
    hsv = _to_hsv(image)
    hsv[..., 1] = np.minimum(hsv[..., 1] * np.float32(factor), 1.0)
    return _from_hsv(hsv)


def hue(image: Image, degrees: float) -> Image:
    """The image with its HSV hue turned by ``degrees``, -180 to 180.

    keras-cv's ``RandomHue`` at factor f turns by f * 180. Zero degrees give the image back.
    """
    if degrees == 0.0:
        return image
    hsv = _to_hsv(image)
    hsv[..., 0] = (hsv[..., 0] + np.float32(degrees)) % np.float32(360.0)
    return _from_hsv(hsv)


def channel_shift(image: Image, fraction: float, rng: np.random.Generator) -> Image:
    """The image with up to ``fraction`` (0 to 1) of the range 255 added to each channel.

    Each channel has a shift of its own, uniform in -fraction to fraction. keras-cv's
    ``RandomChannelShift`` at factor f shifts by up to f / 2.
    """
    red, green, blue = 255 * fraction * (2.0 * rng.random(3) - 1.0)
    return add_levels(image, (red, green, blue))


def channel_shuffle(image: Image, rng: np.random.Generator) -> Image:
    """The image with its channels in a random order, one of six (the present one included)."""
    planes = cv2.split(image)
    return cast(Image, cv2.merge([planes[channel] for channel in rng.permutation(3)]))


def _to_hsv(image: Image) -> NDArray[np.float32]:
    """Return (h, w, 3) float32: hue 0-360, saturation 0-1, value 0-1.

    As float, since OpenCV's uint8 HSV is wrong by up to 4 levels after going there and back.
    """
    scaled = image.astype(np.float32) / np.float32(255)
    return cast(NDArray[np.float32], cv2.cvtColor(scaled, cv2.COLOR_RGB2HSV))


def _from_hsv(hsv: NDArray[np.float32]) -> Image:
    """Return the image of ``hsv`` as ``_to_hsv`` returns it, rounded."""
    return cast(Image, cv2.convertScaleAbs(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), alpha=255))
