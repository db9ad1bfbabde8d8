"""Classifiers of pictures whose answers change when a picture is mirrored or turned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def make_model(keras) -> Callable[..., Any]:
    """Makes a classifier of pictures of this size into three classes, by its seed."""

    def make(seed: int = 0, size: tuple[int, int] = (8, 8)) -> Any:
        keras.utils.set_random_seed(seed)
        image = keras.Input((*size, 3), name="image")
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
        x = keras.layers.BatchNormalization(name="norm")(x)
        x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
        return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="classes")(x))

    return make
