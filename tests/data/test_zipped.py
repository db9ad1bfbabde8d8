from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
from collections import namedtuple

import cv2
import numpy as np
import pytest

from bcauto.data import zipped
from bcauto.data.dataset import load
from bcauto.data.reading import read, read_for_evaluation
from bcauto.data.rules import ReadingRules


@pytest.fixture
def folder(tmp_path, tiny_cells):
    """The tiny cells as class folders in a wrapper, as archives of repositories have them."""
    for index, (image, label) in enumerate(
        zip(*(tiny_cells.images, tiny_cells.labels), strict=True)
    ):
        path = tmp_path / "set" / "cells-main" / "abcd"[label] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
    return tmp_path / "set"


@pytest.fixture
def zipped_cells(folder, tmp_path):
    shutil.make_archive(str(tmp_path / "cells"), "zip", folder)
    return tmp_path / "cells.zip"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, which must be empty in the end."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    yield path
    assert not [*path.iterdir()]


def test_a_zip_is_read_as_the_folder_in_it(folder, zipped_cells):
    zipped_cells = zipped_cells.rename(zipped_cells.with_suffix(".ZIP"))
    assert load(zipped_cells, None, 3).fingerprint == load(folder, None, 3).fingerprint
    test = read_for_evaluation(zipped_cells, (16, 16), ("d", "c", "b", "a"))
    assert test.labels.tolist() == [3] * 16 + [2] * 16 + [1] * 16 + [0] * 16


def test_a_zip_of_parts_with_what_a_mac_leaves(folder, tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            part = "TRAIN" if int(path.stem) < 40 else "VAL"
            archive.write(path, f"x/{part}/{path.parent.name}/{path.name}")
            archive.writestr(f"__MACOSX/x/{part}/{path.parent.name}/._{path.name}", b"\0" * 90)
        archive.writestr("x/README.md", "cells")
    source = read(tmp_path / "a.zip")
    assert (len(source.train), len(source.val)) == (40, 24)
    assert source.class_names == tuple("abcd")
    assert not caplog.records


def test_labels_beside_a_zip(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for index in range(12):
            path = next(folder.rglob(f"{index:02}.png"))
            archive.write(path, f"images/{index}.png")
    text = "".join(f"{index}.png,{'no' if index % 3 else 'yes'}\n" for index in range(12))
    (tmp_path / "labels.csv").write_text(text)
    source = read(tmp_path / "a.zip", rules=ReadingRules(labels=tmp_path / "labels.csv"))
    assert source.class_names == ("no", "yes")
    assert source.train.class_counts(2) == (8, 4)


def test_refusals_name_the_zip(folder, zipped_cells, refused):
    for name in ("a/00.png", "b/01.png"):
        (folder / "cells-main" / name).write_bytes(b"")
    shutil.make_archive(str(zipped_cells.with_suffix("")), "zip", folder)
    with refused(f"^{zipped_cells}/cells-main: 2 of 64 pictures cannot be read .a/00.png, b/01"):
        read(zipped_cells)


def test_warnings_name_the_zip(folder, tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "100 % cells.zip", "w") as archive:
        for index, path in enumerate(sorted(folder.rglob("*.png"))):
            image = cv2.imread(str(path))[: 20 + index % 3]
            data = cv2.imencode(".png", image)[1].tobytes()
            archive.writestr(f"cells/{path.parent.name}/{index}.png", data)
    read(tmp_path / "100 % cells.zip")
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/100 % cells.zip/cells: 42 of 64 pictures are resized")
    logging.getLogger("bcauto").warning("%s", tempfile.gettempdir())
    assert caplog.messages[1] == tempfile.gettempdir()


def test_remedies_say_to_unpack_the_zip(folder, tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in ("color", "grayscale"):
            for path in sorted(folder.rglob("*.png")):
                archive.write(path, f"{part}/{path.parent.name}/{path.name}")
    with refused("give .*/a.zip/color .unpack the zip first.$"):
        read(tmp_path / "a.zip")


def test_no_path_leads_out_of_the_zip(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for index, path in enumerate(sorted(folder.rglob("*.png"))):
            archive.write(path, f"{tmp_path}/out/{path.parent.name}/{index}.png")
            archive.write(path, f"../../../out/{path.parent.name}/{index}.png")  # is left out
    assert len(read(tmp_path / "a.zip").train) == 64
    assert not (tmp_path / "out").exists()
    assert not (tmp_path.parent / "out").exists()


def test_npz_files_that_are_called_zip(tmp_path, tiny_cells):
    np.savez(tmp_path / "a.npz", images=tiny_cells.images, labels=tiny_cells.labels)
    path = (tmp_path / "a.npz").rename(tmp_path / "a.zip")
    np.testing.assert_array_equal(read(path).train.images, tiny_cells.images)


def test_a_damaged_member(zipped_cells, refused):
    data = bytearray(zipped_cells.read_bytes())
    at = data.index(b"IDAT") + 30
    data[at : at + 40] = bytes(40)
    zipped_cells.write_bytes(data)
    with refused(f"^{zipped_cells}: damaged, cut short or locked"):
        read(zipped_cells)


def test_too_little_room(zipped_cells, refused, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(zipped.shutil, "disk_usage", lambda _: usage(1000))
    with refused("needs 0.0 GiB to be unpacked in .*temporary.*; set TMPDIR to another folder"):
        read(zipped_cells)


def test_a_zip_that_unpacks_to_far_too_much(tmp_path, refused, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", bytes(10**6))
    monkeypatch.setattr(zipped, "MAX_EXPANSION", 100)
    with refused("may unpack to at most 100 times its size, got 1,000,000 bytes"):
        read(tmp_path / "a.zip")


def test_too_many_members(zipped_cells, refused, monkeypatch):
    monkeypatch.setattr(zipped, "_MOST_MEMBERS", 9)
    with refused("may hold at most 9 files"):
        read(zipped_cells)


def test_a_zip_without_pictures(tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with refused("a.zip: holds no images with labels"):
        read(tmp_path / "a.zip")
