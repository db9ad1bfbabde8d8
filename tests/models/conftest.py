"""Keras for tests of models, without its downloads."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from bcauto.training.device import start_keras


@pytest.fixture(scope="module")
def keras() -> Any:
    start_keras(1)
    import keras

    return keras


@pytest.fixture
def downloads(keras, monkeypatch) -> list[str]:
    """The names of the files that Keras would have downloaded."""
    names: list[str] = []
    get_file = "keras.src.utils.file_utils.get_file"
    monkeypatch.setattr(get_file, lambda name, *_, **__: names.append(name))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    return names


@pytest.fixture
def released(keras):
    """Frees what a large network took, whatever became of it."""
    yield
    keras.backend.clear_session()
    gc.collect()
