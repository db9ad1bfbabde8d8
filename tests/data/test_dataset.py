from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from bcauto.data import dataset as dataset_module
from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset, load
from bcauto.data.labelled import ImageSet, Labelled
from bcauto.data.rules import ReadingRules
from bcauto.data.synthetic.cells import CLASS_NAMES, paint_cells

CLEANING = Cleaning(read=64, duplicates=0, intruders=0, intruder_copies=0)


@pytest.fixture
def saved(tmp_path, tiny_cells):
    path = tmp_path / "cells.npz"
    np.savez(path, images=tiny_cells.images, labels=tiny_cells.labels)
    return path


@pytest.fixture
def dataset(tiny_cells):
    train, val = tiny_cells.take(np.arange(48)), tiny_cells.take(np.arange(48, 64))
    return Dataset(train, val, ("a", "b", "c", "d"), CLEANING)


def test_load_sets_a_tenth_of_each_class_apart(saved, tiny_cells):
    data = load(saved, None, seed=0)
    assert data.val.class_counts(4) == (2, 2, 2, 1)  # 8 of 64 would be over 12 %
    assert data.class_counts == (16, 16, 16, 16)
    assert data.image_size == (32, 32)
    assert data.class_names == ("0", "1", "2", "3")
    assert data.cleaning == CLEANING
    both = np.concatenate([data.train.images, data.val.images])
    assert Counter(i.tobytes() for i in both) == Counter(i.tobytes() for i in tiny_cells.images)


def test_load_keeps_the_datas_own_validation_images(tmp_path, dataset):
    arrays = {"train_images": dataset.train.images, "train_labels": dataset.train.labels}
    arrays |= {"val_images": dataset.val.images, "val_labels": dataset.val.labels}
    np.savez(tmp_path / "a.npz", **arrays)
    data = load(tmp_path / "a.npz", None, seed=0)
    np.testing.assert_array_equal(data.val.images, dataset.val.images)
    assert data.fingerprint == load(tmp_path / "a.npz", None, seed=1).fingerprint


def test_damaged_pictures_that_are_left_out_are_in_the_record(tmp_path, tiny_cells):
    for index, image in enumerate(tiny_cells.images):
        path = tmp_path / f"class {tiny_cells.labels[index]}" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image)
    (tmp_path / "class 1" / "1.png").write_bytes(b"")
    (tmp_path / "class 3" / "63.png").write_bytes(b"lost")
    data = load(tmp_path, None, seed=0, rules=ReadingRules(skip_damaged=True))
    assert data.class_counts == (16, 15, 16, 15)
    assert data.cleaning.summary().endswith("; left out 2 damaged")
    assert data.cleaning.as_dict()["damaged"] == ["class 1/1.png", "class 3/63.png"]
    assert data.cleaning.as_dict()["read"] == 62
    assert "damaged" not in CLEANING.as_dict()


def test_load_resizes(saved):
    assert load(saved, 16, seed=0).image_size == (16, 16)


def test_same_seed_same_fingerprint_other_seed_another(saved):
    fingerprints = [load(saved, None, seed).fingerprint for seed in (0, 0, 1)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_fingerprint_is_stable_hex(dataset):
    assert dataset.fingerprint == replace(dataset).fingerprint
    assert len(bytes.fromhex(dataset.fingerprint)) == 32


def test_fingerprint_tells_any_change(dataset):
    pixel = dataset.train.images.copy()
    pixel[0, 0, 0, 0] ^= 1
    label = dataset.val.labels.copy()
    label[0] ^= 1
    changed = [
        replace(dataset, train=Labelled(pixel, dataset.train.labels)),
        replace(dataset, val=Labelled(dataset.val.images, label)),
        replace(dataset, class_names=("a", "b", "c", "e")),
        replace(dataset, train=dataset.val, val=dataset.train),
        replace(dataset, train=dataset.train.take(range(47))),
    ]
    assert len({data.fingerprint for data in [dataset, *changed]}) == 6


def test_built_in_cells_are_the_same_at_every_seed(monkeypatch):
    monkeypatch.setattr(dataset_module, "paint_cells", lambda: paint_cells(96))
    first, second = load(None, 32, seed=0), load(None, 32, seed=1)
    assert first.class_names == CLASS_NAMES
    assert first.image_size == (32, 32)
    assert first.cleaning == second.cleaning
    assert first.cleaning.intruders >= 1
    assert first.class_counts == second.class_counts
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 8, 8, 3)), np.zeros(2, np.int64), "images: must be uint8"),
        (np.zeros((2, 8, 8), np.uint8), np.zeros(2, np.int64), "images: must be RGB"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros(2, np.int32), r"labels: .* got \(2,\) int32"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 1), np.int64), r"got \(2, 1\) int64"),
        (np.zeros((2, 8, 8, 3), np.uint8), np.zeros(3, np.int64), "one label per image, got 2 and"),
    ],
)
def test_labelled_checks_itself(refused, images, labels, message):
    with refused(message):
        Labelled(images, labels)


def test_source_checks_itself(refused, tiny_cells):
    with refused(r"labels: must be in 0\.\.2 for 3 classes, got 3"):
        ImageSet(tiny_cells, None, ("a", "b", "c"))
    smaller = Labelled(tiny_cells.images[:, :16], tiny_cells.labels)
    with refused("one image size, got 32 x 32 and 16 x 32"):
        ImageSet(tiny_cells, smaller, ("a", "b", "c", "d"))


def test_data_imports_no_framework():
    """A search's driver reads data without the seconds that TensorFlow takes to start."""
    code = (
        "import sys, bcauto.data\n"
        "heavy = {'keras', 'tensorflow', 'ray', 'optuna', 'sklearn', 'torch', 'jax'}\n"
        "assert not heavy & {*sys.modules}, heavy & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_real_cells(real_cells_96):
    data = load(real_cells_96, None, seed=0)
    assert len(data.train) + len(data.val) == data.cleaning.kept == 3599
    assert len(data.val) == pytest.approx(360, abs=4)
    assert min(data.val.class_counts(8)) > 0
    assert data.cleaning.joined <= 2, "no two of these cells are one picture"
