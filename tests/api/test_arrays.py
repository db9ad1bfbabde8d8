"""Data in memory as the npz file that all else reads."""

import re

import numpy as np
import pytest

from bcauto.api.data import as_arrays, as_file, as_study_file
from bcauto.study.folder import StudyFolder

IMAGES = np.zeros((4, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ((IMAGES, [0, 1, 0, 1]), ["images", "labels"]),
        ([IMAGES, [0, 1, 0, 1], IMAGES, [1, 1, 0, 0]], ["images", "labels", "val_images"]),
        ({"images": IMAGES, "labels": [0, 1, 0, 1], "groups": list("abcd")}, ["images", "groups"]),
    ],
)
def test_arrays_have_the_names_of_an_npz_file(data, names):
    found = as_arrays(data, None)
    assert {*names} <= {*found}
    assert len(found) == len(data)
    assert all(isinstance(values, np.ndarray) for values in found.values())


def test_labels_may_be_names_of_classes_in_the_order_of_the_alphabet():
    found = as_arrays((IMAGES, ["no", "yes", "maybe", "no"]), None)
    assert found["class_names"].tolist() == ["maybe", "no", "yes"]
    assert found["labels"].tolist() == [1, 2, 0, 1]


def test_names_as_labels_follow_the_class_names_that_are_given(refused):
    labels = np.array(["no", "yes", "no", "no"], object)
    found = as_arrays((IMAGES, labels), ["yes", "no"])
    assert found["labels"].tolist() == [1, 0, 1, 1]
    assert found["class_names"].tolist() == ["yes", "no"]
    with refused("labels must be among class_names, got 'no'"):
        as_arrays((IMAGES, labels), ["yes", "nay"])


@pytest.mark.parametrize(
    ("data", "got"),
    [((IMAGES,), "1 values"), ((IMAGES,) * 3, "3 values"), (7, "int"), (IMAGES, "ndarray")],
)
def test_what_is_no_data_is_refused(data, got, refused):
    with refused(f"data must be a path, {re.escape('(images, labels)')} or a mapping.*got {got}"):
        as_arrays(data, None)


def test_class_names_go_with_arrays(refused):
    assert as_arrays("train.npz", None) is None
    with refused("class_names goes with data that is arrays"):
        as_arrays("train.npz", ["a", "b"])


def test_arrays_are_a_file_for_a_while():
    with as_file((IMAGES, [0, 1, 0, 1]), ["a", "b"]) as path, np.load(path) as stored:
        assert stored["class_names"].tolist() == ["a", "b"]
    assert not path.exists()


def test_a_study_keeps_its_arrays_once_it_is_begun_and_takes_no_others(tmp_path, refused):
    folder = StudyFolder(tmp_path / "studies" / "cells")
    arrays = as_arrays((IMAGES, [0, 1, 0, 1]), None)
    with as_study_file(arrays, folder) as path:
        folder.record.write_text("begun")
    written = path.stat().st_mtime_ns
    with as_study_file(as_arrays((IMAGES, [0, 1, 0, 1]), None), folder):
        pass
    assert path.stat().st_mtime_ns == written
    with (
        refused("study 'cells' was begun with other data"),
        as_study_file(as_arrays((IMAGES, [0, 1, 1, 1]), None), folder),
    ):
        pass
    with np.load(path) as stored:
        assert stored["labels"].tolist() == [0, 1, 0, 1]


def test_nothing_is_left_of_a_study_that_was_not_begun(tmp_path):
    folder = StudyFolder(tmp_path / "cells")
    with pytest.raises(RuntimeError), as_study_file(as_arrays((IMAGES, [0] * 4), None), folder):
        raise RuntimeError
    assert not folder.path.exists()
