"""A model that looks at a picture several times: mirrored, and turned by quarters."""

from __future__ import annotations

from typing import Any

import keras

from bcauto.ensemble.choose import VIEWS_OF
from bcauto.space.export import Views

__all__ = ["each_view", "with_views"]

_ROWS, _COLUMNS = 1, 2  # axes of (n, height, width, 3)


def each_view(images: Any, count: int) -> list[Any]:
    """Return the first views of pictures (n, h, w, 3), as Keras tensors or as symbols of them.

    They come in this order: as it is; left and right swapped; top and bottom swapped; both; and
    these four of the picture with rows and columns swapped, which are the quarter turns and the
    diagonal mirrors.

    Args:
        images: square, if more than four views are asked for.
        count: 1, 2, 4 or 8.
    """
    flip, transpose = keras.ops.flip, keras.ops.transpose
    turned = [transpose(images, (0, _COLUMNS, _ROWS, 3))] if count > 4 else []
    return [
        view
        for start in [images, *turned]
        for view in (
            start,
            flip(start, _COLUMNS),
            flip(start, _ROWS),
            flip(start, (_ROWS, _COLUMNS)),
        )
    ][:count]


def with_views(model: Any, views: Views) -> Any:
    """Return a model that gives the mean of a model's probabilities over views of a picture.

    It is of Keras' own layers and operations alone. The views go through the model one after
    another: all at once would take so many times the memory, and is slower on a CPU.

    Args:
        model: a functional Keras classifier of (n, h, w, 3) pictures, which are square for
            "turns"; it is not changed.
        views: "none" gives the model back.
    """
    count = VIEWS_OF[views]
    if count == 1:
        return model
    inputs = keras.Input(model.input_shape[1:], name="image")
    seen = [model(view) for view in each_view(inputs, count)]
    return keras.Model(inputs, keras.layers.Average(dtype="float32", name="probabilities")(seen))
