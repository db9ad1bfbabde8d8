"""A network with the layers that converters stumble over, its pictures, and a proxy of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.proxy.proxy import Proxy

SIZE = (24, 20)


@pytest.fixture(scope="package")
def network() -> Any:
    """A small network of 24 x 20 pictures and three classes, with random weights."""
    from bcauto.training.device import start_keras

    start_keras(1)
    import keras

    keras.utils.set_random_seed(0)
    layers, ops = keras.layers, keras.ops
    inputs = keras.Input((*SIZE, 3), name="cells")
    x = ops.image.resize(ops.flip(inputs, axis=2), (16, 16), interpolation="bilinear")
    x = layers.Normalization(mean=[103.9, 116.8, 123.7], variance=[4000.0] * 3)(x)
    x = layers.SeparableConv2D(8, 3, padding="same", activation="hard_silu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(8, 3, groups=8, padding="same", name="depthwise")(x)  # as in ConvNeXt
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(16, 3, activation="gelu")(x))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(
        inputs, layers.Dense(3, activation="softmax", kernel_initializer="he_uniform")(x)
    )


@pytest.fixture(scope="package")
def pictures() -> np.ndarray:
    """Forty-five pictures of one colour each, with some noise."""
    rng = np.random.default_rng(0)
    colours = rng.integers(30, 226, (45, 1, 1, 3))
    return (colours + rng.integers(-30, 30, (45, *SIZE, 3))).astype(np.uint8)


@pytest.fixture(scope="package")
def proxy(pictures) -> Proxy:
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=2)
    return make_proxy(pictures, np.arange(45) % 3, config, seed=1)


@pytest.fixture(scope="package")
def expected(network, proxy) -> np.ndarray:
    """What Keras itself predicts for the probe."""
    return network.predict(proxy.images[proxy.probe], verbose=0)


@pytest.fixture(scope="package")
def written(network, proxy, pictures, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A folder with the model in every format, and what was found of each."""
    from bcauto.export.formats.names import FORMATS
    from bcauto.export.formats.write import write_formats

    folder = tmp_path_factory.mktemp("written")
    network.save(folder / "model.keras")
    found = write_formats(network, tuple(FORMATS.values()), folder, proxy, pictures)
    return folder, {each.format: each for each in found}
