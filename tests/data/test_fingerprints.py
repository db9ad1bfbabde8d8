"""Pictures that a model has seen, found again by the hashes of their pixels."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from bcauto.data.dataset import load
from bcauto.data.fingerprints import PictureFingerprints


@pytest.fixture
def data(tmp_path, images_of):
    """40 pictures of two classes; one more is in both of them, and so belongs to none."""
    images = np.concatenate([images_of(41), images_of(41)[40:]])
    labels = np.array([*(np.arange(40) % 2), 0, 1])
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    return load(tmp_path / "data.npz", None, 0)


def test_each_picture_is_found_in_its_part_and_no_other_is(data, images_of):
    known = PictureFingerprints.of(data)
    assert set(known.find(data.train.images)) == {"train"}
    assert set(known.find(data.val.images)) == {"val"}
    assert known.find(images_of(41)[40:]) == ["intruder"]
    assert known.find(images_of(3, seed=5)) == [None] * 3


def test_one_pixel_makes_another_picture(data):
    changed = data.train.images[:1].copy()
    changed[0, 3, 4, 1] ^= 1
    assert PictureFingerprints.of(data).find(changed) == [None]


def test_a_file_holds_the_beginnings_of_hashes_and_is_read_again(data, tmp_path):
    PictureFingerprints.of(data).save(tmp_path / "x.npz")
    stored = np.load(tmp_path / "x.npz")
    expected = [hashlib.sha256(image.tobytes()).digest()[:16] for image in data.val.images]
    assert [row.tobytes() for row in stored["val"]] == expected
    assert len(stored["train"]) + len(stored["val"]) == 40
    again = PictureFingerprints.load(tmp_path / "x.npz")
    assert set(again.find(data.train.images)) == {"train"}


@pytest.mark.parametrize("array", [np.zeros((3, 15), np.uint8), np.zeros((3, 16)), np.zeros(16)])
def test_a_file_of_another_kind_is_refused(array, tmp_path, refused):
    np.savez(tmp_path / "x.npz", train=array, val=array, intruder=array)
    with refused(r"'train': must be \(n, 16\) uint8, got"):
        PictureFingerprints.load(tmp_path / "x.npz")
    (tmp_path / "y.npz").write_bytes(b"x")
    with refused("y.npz: not an npz file"):
        PictureFingerprints.load(tmp_path / "y.npz")
