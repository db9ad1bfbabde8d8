"""Small pictures as data URIs, which need no file beside the page."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["thumbnail"]

_QUALITY = 80  # of WebP, in percent


def thumbnail(picture: NDArray[np.uint8], most: int = 96) -> str:
    """Return (h, w, 3) uint8 RGB as a WebP data URI, its longer side at most ``most`` px."""
    longer = max(picture.shape[:2])
    if longer > most:
        height, width = (max(1, round(side * most / longer)) for side in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
