from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bcauto.data.reading import read, read_for_evaluation


@pytest.mark.parametrize("name", ["nowhere.npz", "no/where", "x" * 300, "a\0b"])
def test_missing_path(tmp_path, refused, name):
    with refused("does not exist. Legal: an .npz file or a folder|cannot be read .file name too"):
        read(tmp_path / name)


def test_missing_path_for_evaluation(tmp_path, refused):
    with refused("does not exist"):
        read_for_evaluation(tmp_path / "nowhere.npz", (32, 32), 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are a POSIX thing")
def test_pipe_is_refused_without_waiting(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe")
    with refused("is not a regular file"):
        read(tmp_path / "pipe")


def deny(path, *_, **__):
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("method", ["is_dir", "open"])
def test_file_without_permission(tmp_path, refused, monkeypatch, method):
    path = tmp_path / "cells.npz"
    np.savez(path, images=1)
    monkeypatch.setattr(Path, method, deny)
    with refused(r"cells.npz: cannot be read \(permission denied\)"):
        read(path)


def test_folder_without_permission(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", deny)
    with refused(f"^{tmp_path}: cannot be read .permission denied"):
        read(tmp_path)


def test_folder_that_lists_but_does_not_open(tmp_path, refused, monkeypatch):
    (tmp_path / "a").mkdir()
    original = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda p: original(p) if p == tmp_path else deny(p))
    with refused(r"a: cannot be read .permission denied"):
        read(tmp_path)


def test_too_little_memory(tmp_path, refused, monkeypatch):
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 8, 8, 3), np.uint8), labels=[0, 1, 0, 1])

    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "read_array", full)
    with refused("does not fit into this machine's memory"):
        read(tmp_path / "a.npz")


def test_evaluation_size_has_a_least(tmp_path, refused):
    with refused("at least 8 pixels, got 4"):
        read_for_evaluation(tmp_path, (32, 4), 2)
