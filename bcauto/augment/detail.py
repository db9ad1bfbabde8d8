"""Ops on fine detail: each takes (h, w, 3) uint8 and returns the same shape and dtype.

No op writes to its input.
"""

from __future__ import annotations

from math import ceil
from typing import cast

import cv2
import numpy as np

from bcauto.augment.pixels import Image

__all__ = ["gaussian_blur", "gaussian_noise", "jpeg", "sharpness"]

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13  # Pillow's SMOOTH


def sharpness(image: Image, change: float) -> Image:
    """The image with ``change`` times its fine detail added, -1 (smoothed) to 1 (sharpened).

    This is ``PIL.ImageEnhance.Sharpness`` at 1 + ``change``, and keras-cv's ``RandomSharpness`` at
    factor -``change``. The outermost pixels stay, as in both.
    """
    smooth = cv2.filter2D(image, -1, _SMOOTH)
    result = cast(Image, cv2.addWeighted(image, 1.0 + change, smooth, -change, 0.0))
    result[[0, -1]] = image[[0, -1]]
    result[:, [0, -1]] = image[:, [0, -1]]
    return result


def gaussian_blur(image: Image, sigma: float) -> Image:
    """The image blurred by a Gaussian of ``sigma`` pixels, 0 (no blur) to 10, cut at 3 sigma."""
    if sigma == 0.0:  # which OpenCV takes as "choose a sigma"
        return image
    kernel = cv2.getGaussianKernel(2 * ceil(3 * sigma) + 1, sigma)
    # up to ten times as fast on uint8 as cv2.GaussianBlur, which may also be wrong by one level
    return cast(Image, cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT))


def gaussian_noise(image: Image, deviation: float, rng: np.random.Generator) -> Image:
    """The image with independent normal noise added to each value of each pixel.

    ``deviation`` is the standard deviation as a fraction of the range 255, 0 to 1.
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noisy = image + noise * np.float32(255 * deviation)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def jpeg(image: Image, loss: float) -> Image:
    """The image after JPEG compression at quality 100 - ``loss``, 0 (quality 100) to 100.

    A loss of zero is not the identity: colour is subsampled and rounded all the same.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, 100 - round(loss)]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    decoded = cast(Image, cv2.imdecode(data, cv2.IMREAD_COLOR))
    return cast(Image, cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
