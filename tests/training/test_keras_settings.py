"""Keras' settings do not come from where bcauto runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bcauto.training.keras_settings import check_settings, keras_backend

START = """
import json, sys
from bcauto.training.device import start_keras
start_keras(1)
import keras
layer = keras.layers.Conv2D(2, 3)
layer.build((None, 8, 8, 3))
kept = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
kept.compile("sgd", "mse")
import numpy as np
epochs = len(kept.fit(np.zeros((2, 4)), np.zeros(2), epochs=3, verbose=0).epoch)
config = keras.config
print(json.dumps([config.floatx(), config.epsilon(), config.image_data_format(), config.backend(),
                  config.dtype_policy().name, layer.data_format, layer.kernel.dtype, epochs]))
"""


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """A folder with a keras.json of these settings."""

    def write(**settings):
        (tmp_path / "keras.json").write_text(json.dumps(settings))
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        return tmp_path

    return write


@pytest.mark.keras
def test_neither_file_nor_environment_decides(keras_home, monkeypatch):
    keras_home(floatx="float16", epsilon=0.1, image_data_format="channels_first", backend="torch")
    environment = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "none"}
    given = {**os.environ, **environment, "CUDA_VISIBLE_DEVICES": ""}
    given.pop("KERAS_BACKEND", None)
    done = subprocess.run(
        [sys.executable, "-c", START], env=given, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        *("float32", 1e-7, "channels_last", "tensorflow"),
        *("float32", "channels_last", "float32", 3),
    ]


@pytest.mark.parametrize("backend", ["numpy", "openvino", "theano", "torch"])
def test_a_backend_that_cannot_train_here_is_refused(backend, monkeypatch, refused):
    found = {"tensorflow": True, "numpy": True, "openvino": True}
    monkeypatch.setattr("bcauto.training.keras_settings.find_spec", found.get)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with refused(f"KERAS_BACKEND must be one that .*tensorflow here.*, got '{backend}'"):
        check_settings()


def test_the_variable_names_the_backend(monkeypatch):
    for given, backend in {"jax": "jax", "": "tensorflow"}.items():
        monkeypatch.setenv("KERAS_BACKEND", given)
        assert keras_backend() == backend


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"floatx": "float8"}, "floatx must be float16 or float32 or float64, got 'float8'"),
        ({"image_data_format": None}, "image_data_format must be channels_last or .*, got None"),
        ({"epsilon": 1}, "epsilon must be a float, got 1"),
    ],
)
def test_a_file_that_keras_cannot_take_is_refused(keras_home, settings, said, refused):
    folder = keras_home(**settings)
    with refused(f"{folder}/keras.json: {said}; mend the file or delete it"):
        check_settings()


@pytest.mark.parametrize("text", ["", "{", '{"floatx": "float64"}'])
def test_a_file_that_keras_does_without_is_none_of_our_business(keras_home, text):
    (keras_home() / "keras.json").write_text(text)
    check_settings()


def test_a_list_is_no_configuration(keras_home, refused):
    (keras_home() / "keras.json").write_text("[]")
    with refused(r"must hold an object, got \[\]"):
        check_settings()
