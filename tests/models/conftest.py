"""Keras for tests of models, without its downloads."""

from __future__ import annotations

import fcntl
from typing import Any

import pytest


@pytest.fixture
def downloads(keras, monkeypatch, tmp_path) -> list[str]:
    """The names of the files that Keras would have downloaded, each of which must be locked."""
    names: list[str] = []

    def get_file(name: str, *_: Any, **__: Any) -> None:
        names.append(name)
        with (tmp_path / "models" / f"{name}.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    return names


@pytest.fixture
def released(keras):
    """Frees what a large network took, whatever became of it."""
    yield
    keras.backend.clear_session()  # which also collects garbage
