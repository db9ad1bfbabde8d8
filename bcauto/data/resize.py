"""Resizes images, in one of three ways where the shape changes, too."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_bytes
from bcauto.data.labelled import Images

__all__ = ["Resize", "resize_all", "resize_one"]

Resize = Literal["stretch", "fit", "crop"]
"""What becomes of an image of another shape: all of it is stretched; all of it is shown, with
borders in the median colour of its edge; or its middle is shown, as large as fits."""


def resize_one(
    image: NDArray[Any], size: tuple[int, int], resize: Resize = "stretch"
) -> NDArray[Any]:
    """Return an (h, w, c) uint8 image at ``size`` (height, width): averaged or cubically enlarged.

    An image that has the size comes back as it is, not copied.
    """
    if image.shape[:2] == size:
        return image
    if resize == "fit":
        return _fitted(image, size)
    if resize == "crop":
        image = _middle(image, size)
    return _stretched(image, size)


def _fitted(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return the whole image in its own shape, in the middle of borders."""
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    fitted = np.empty((*size, image.shape[2]), image.dtype)
    fitted[:] = np.rint(np.median(edge, axis=0))
    fitted[top : top + height, left : left + width] = _stretched(image, (height, width))
    return fitted


def _middle(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return the largest middle part of the image that has the shape of ``size``."""
    scale = min(image.shape[0] / size[0], image.shape[1] / size[1])
    height, width = (max(1, round(side * scale)) for side in size)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _stretched(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    height, width = size
    if image.shape[:2] == size:
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)


def resize_all(
    images: Images, size: tuple[int, int], where: str = "images", resize: Resize = "stretch"
) -> Images:
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
        target[:] = resize_one(image, size, resize)
    return resized
