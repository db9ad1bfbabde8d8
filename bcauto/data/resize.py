"""Resizes images."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_bytes
from bcauto.data.labelled import Images

__all__ = ["resize_all", "resize_one"]


def resize_one(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return an (h, w, c) uint8 image at ``size`` (height, width): averaged or cubically enlarged.

    The aspect ratio is not kept. An image that has the size comes back as it is, not copied.
    """
    height, width = size
    if image.shape[:2] == size:
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def resize_all(images: Images, size: tuple[int, int], where: str = "images") -> Images:
    """Return images (n, h, w, 3) at ``size`` (height, width), not copied if they have it.

    Raises:
        BadInput: the result would take more than ``checks.MAX_BYTES``.

    """
    if images.shape[1:3] == size:
        return images
    shape = (len(images), *size, 3)
    check_bytes(shape, where)
    resized = np.empty(shape, np.uint8)
    for target, image in zip(resized, images, strict=True):
        target[:] = resize_one(image, size)
    return resized
