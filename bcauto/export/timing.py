"""How long a model takes for a picture, here and in batches."""

from __future__ import annotations

import time
from collections.abc import Callable

from bcauto.data.labelled import Images

__all__ = ["milliseconds_a_picture"]

_TIMED, _TIMES = 128, 4  # pictures that are predicted, so many times


def milliseconds_a_picture(predict: Callable[[Images], object], images: Images) -> float:
    """Return the milliseconds that a picture takes at best.

    Args:
        predict: takes pictures like these.
        images: (n, h, w, 3) uint8, of which the first 128 are predicted.
    """
    timed, seconds = images[:_TIMED], []
    for _ in range(_TIMES):  # the first may trace the model, and others may use the cores
        started = time.perf_counter()
        predict(timed)
        seconds.append(time.perf_counter() - started)
    return round(1000 * min(seconds) / len(timed), 3)
