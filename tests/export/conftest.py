"""Linear classifiers of 10 x 12 images to be exported and loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, 10, 12, 3), np.uint8)


@pytest.fixture
def make_model(keras) -> Callable[..., Any]:
    """Makes a linear classifier of 10 x 12 images with random weights."""

    def make(seed: int = 0, layer: Any = None) -> Any:
        keras.utils.set_random_seed(seed)
        image = keras.Input((10, 12, 3))
        x = keras.layers.Rescaling(1 / 255)(image)
        x = keras.layers.Flatten()(layer(x) if layer else x)
        return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))

    return make


@pytest.fixture(scope="module")
def load_model(keras) -> Callable[..., Any]:
    from bcauto.export.load import load_model

    return load_model
