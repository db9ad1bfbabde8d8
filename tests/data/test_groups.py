"""Groups that no split may part: from a CSV file, an array, a pattern, and folders."""

from __future__ import annotations

import csv
import logging
import re

import numpy as np
import pytest
from PIL import Image

from bcauto.data.dataset import load
from bcauto.data.groups import absolute_groups, group_file
from bcauto.data.reading import read
from bcauto.data.rules import ReadingRules
from bcauto.data.synthetic.cells import cell_picture

NAMES = ("benign", "malignant")
PATIENTS, EACH = 20, 3  # of each class


@pytest.fixture(scope="module")
def pictures():
    """Different cells by class, patient and number; a patient has pictures of both classes."""
    found = {}
    for label, name in enumerate(NAMES):
        for at in range(PATIENTS * EACH):
            picture = cell_picture(3, at, 4 + label)[::3, ::3]
            found[name, f"P{at % PATIENTS:02}", at] = np.ascontiguousarray(picture)
    return found


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


@pytest.fixture(scope="module")
def by_class(pictures, tmp_path_factory):
    """Folders of classes, with the patient in each file's name."""
    folder = tmp_path_factory.mktemp("by") / "class"
    for (name, patient, at), picture in pictures.items():
        save(folder / name / f"{patient}_{at}.png", picture)
    return folder


@pytest.fixture(scope="module")
def flat(pictures, tmp_path_factory):
    """A folder of all pictures."""
    folder = tmp_path_factory.mktemp("all") / "flat"
    for (name, _patient, at), picture in pictures.items():
        save(folder / f"{name[0]}{at}.png", picture)
    return folder


@pytest.fixture
def table(pictures, tmp_path):
    """Writes a CSV file with a row for each picture of the flat folder."""

    def write(header, row, name="table.csv"):
        path = tmp_path / name
        rows = [row(f"{key[0][0]}{key[2]}.png", *key) for key in pictures]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


def patients_of(pictures, part):
    whose = {picture.tobytes(): key[1] for key, picture in pictures.items()}
    return {whose[image.tobytes()] for image in part.images}


def assert_patients_are_whole(pictures, data):
    """Two of the twenty patients validate, a tenth of each class; none is on both sides."""
    train, val = (patients_of(pictures, part) for part in (data.train, data.val))
    assert not train & val
    assert len(train | val) == PATIENTS
    assert data.val.class_counts(2) == (2 * EACH, 2 * EACH)


def loaded(path, groups, labels=None, seed=0):
    return load(path, None, seed, rules=ReadingRules(groups=groups, labels=labels))


# --- where groups come from --------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["(P[0-9]+)_", r"^(P\d\d)", r"(?:benign|malignant)/(\w+)_"])
def test_a_pattern_in_the_name_or_the_path(pictures, by_class, pattern):
    data = loaded(by_class, pattern)
    assert_patients_are_whole(pictures, data)
    assert data.grouping == f"20 groups by pattern {pattern!r}"
    assert data.grouping_summary == f"{data.grouping}, 2 of them validate"


@pytest.mark.parametrize(("header", "column"), [
    (("image", "Patient ID"), ""), (("file", "who"), ""), (("file", "who"), ":who"),
])  # fmt: skip
def test_a_file_of_groups(pictures, by_class, tmp_path, header, column):
    file = tmp_path / "who.csv"
    with file.open("w", newline="") as opened:
        rows = [(f"{key[0]}/{key[1]}_{key[2]}.png", key[1]) for key in pictures]
        csv.writer(opened).writerows([header, *rows])
    data = loaded(by_class, f"{file}{column}")
    assert_patients_are_whole(pictures, data)
    assert data.grouping == f"20 groups by column {header[1]!r} of who.csv"


@pytest.mark.parametrize("by_name", [False, True])
def test_a_column_of_the_labels_file(pictures, flat, table, by_name):
    file = table(("image", "dx", "lesion_id"), lambda file, name, who, _: (file, name, who))
    data = loaded(flat, "lesion_id" if by_name else str(file), labels=file)
    assert_patients_are_whole(pictures, data)
    assert data.grouping == "20 groups by column 'lesion_id' of table.csv"


def test_a_column_that_is_called_as_groups_are_is_pointed_out(flat, table, caplog):
    file = table(("image", "dx", "patient"), lambda file, name, who, _: (file, name, who))
    data = loaded(flat, None, labels=file)
    assert data.grouping == "none"
    assert "give --groups patient if no split may part its values" in caplog.text
    caplog.clear()
    loaded(flat, "none", labels=file)
    assert caplog.text == ""


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize(("prefix", "key", "asked"), [
    ("", "groups", None), ("train_", "train_groups", None), ("", "slide", "slide"),
    ("train_", "train_slide", "slide"), ("train_", "slide", "slide"),
])  # fmt: skip
def test_an_array_of_the_file(pictures, tmp_path, numbers, prefix, key, asked):
    whose = np.array([key[1] for key in pictures])
    labels = np.array([NAMES.index(key[0]) for key in pictures])
    arrays = {f"{prefix}images": np.stack([*pictures.values()]), f"{prefix}labels": labels}
    arrays[key] = np.char.lstrip(whose, "P").astype(int)[:, None] if numbers else whose
    np.savez(tmp_path / "a.npz", **arrays)
    data = loaded(tmp_path / "a.npz", asked)
    assert_patients_are_whole(pictures, data)
    assert data.grouping == f"20 groups by array {key!r}"
    assert loaded(tmp_path / "a.npz", "none").grouping == "none"


def nested(pictures, folder, below):
    for (name, patient, at), picture in pictures.items():
        save(folder / name / below(name, patient, at) / f"{at}.png", picture)
    return folder


@pytest.mark.parametrize("below", [
    lambda name, patient, at: patient,
    lambda name, patient, at: f"SOB/{patient}/{('40X', '100X')[at % 2]}",
    lambda name, patient, at: f"{name}_{'abc'[int(patient[1:]) % 3]}/{patient}",
])  # fmt: skip
def test_folders_of_patients(pictures, tmp_path, below):
    data = loaded(nested(pictures, tmp_path / "cells", below), None)
    assert_patients_are_whole(pictures, data)
    assert data.grouping == "20 groups by folders such as 'P00', 'P01', 'P02', ..."


def test_folders_that_only_wrap_pictures_are_no_groups(pictures, tmp_path, caplog):
    data = loaded(nested(pictures, tmp_path / "cells", lambda *_: "images"), None)
    assert data.grouping == "none"
    assert caplog.text == ""


def test_folders_are_no_groups_where_a_class_lies_in_one(pictures, tmp_path, caplog):
    def below(name, patient, _):
        return patient if name == "benign" else "all"

    data = loaded(nested(pictures, tmp_path / "cells", below), None)
    assert data.grouping == "none"
    assert "not taken as groups, since a class lies in one of them" in caplog.text


def test_four_patients_are_kept_whole_and_the_share_is_said(pictures, tmp_path):
    def below(_name, patient, _at):
        return f"patient{int(patient[1:]) % 4}"

    data = loaded(nested(pictures, tmp_path / "cells", below), None)
    assert len(data.val) == 30
    assert data.grouping_summary.endswith(", 1 of them validate (25% of the images)")


def test_a_file_without_a_row_for_each_picture_leaves_the_others_alone(
    pictures, by_class, tmp_path, caplog
):
    file = tmp_path / "some.csv"
    rows = [(f"{key[1]}_{key[2]}", key[1]) for key in pictures if key[0] == "benign"]
    rows = [("file", "patient"), *[(f"benign/{name}", who) for name, who in rows], ("test/7", "Q")]
    file.write_text("\n".join(map(",".join, rows)))
    source = read(by_class, rules=ReadingRules(groups=str(file)))
    assert "has no group for 60 of 120 pictures" in caplog.text
    assert source.train.groups[:2].tolist() == ["P00", "P00"]
    assert source.train.groups[60:].tolist() == [""] * 60


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "message"), [
    ("patients.csv", "--groups must be a CSV file, .* got 'patients.csv', which is no file and "),
    ("(P", "--groups must be .* got '\\(P', which is no file and no pattern"),
    ("(P)(_)", "which is no file and has 2 groups"),
    ("(Q[0-9])", "must match .* every picture, got 120 of 120 without a match \\('benign/P00_0"),
    ("(P0[0-9])", "must match .* every picture, got 60 of 120 without a match \\('benign/P10_1"),
])  # fmt: skip
def test_what_makes_no_groups_is_refused(by_class, refused, groups, message):
    with refused(message):
        loaded(by_class, groups)


def test_an_array_that_is_not_there_is_refused_with_those_that_are(tmp_path, refused, pictures):
    images = np.stack([*pictures.values()])
    labels = np.arange(len(images)) % 2
    np.savez(tmp_path / "a.npz", images=images, labels=labels, donor=labels[:-1])
    with refused("must name one of its arrays, .* got 'who'; its arrays are 'images', 'labels'"):
        loaded(tmp_path / "a.npz", "who")
    with refused("'donor': groups must be numbers or text of shape \\(120,\\), .* \\(119,\\)"):
        loaded(tmp_path / "a.npz", "donor")


def test_a_column_that_is_not_there_is_refused_with_those_that_are(flat, table, refused):
    labels = table(("image", "label"), lambda file, name, *_: (file, name), "labels.csv")
    file = table(("image", "a", "b"), lambda file, *_: (file, "x", "y"))
    with refused("has no column 'group' or 'patient', got 'a', 'b': give .* --groups .*:COLUMN"):
        loaded(flat, str(file), labels)
    with refused("has no column 'c', got 'a', 'b'"):
        loaded(flat, f"{file}:c", labels)


def test_a_picture_in_two_groups_is_refused(by_class, tmp_path, refused):
    file = tmp_path / "who.csv"
    file.write_text("file,group\nbenign/P00_0.png,a\nbenign/P00_0,b\n")
    with refused("'benign/P00_0' must be in one group, got 'a' and 'b'"):
        loaded(by_class, str(file))


def test_a_class_within_one_group_is_refused_by_name(pictures, tmp_path, refused):
    images = np.stack([*pictures.values()])
    labels = np.repeat([0, 1], 60)
    groups = np.where(labels == 0, "P7", [key[1] for key in pictures])
    np.savez(tmp_path / "a.npz", images=images, labels=labels, groups=groups, class_names=NAMES)
    line = "got all 60 images of 'benign' in group 'P7': give more images of it, or other --groups"
    with refused(f"{re.escape(line)}$"):
        loaded(tmp_path / "a.npz", None)


# --- data that comes split -----------------------------------------------------------------------


def test_groups_in_train_and_val_are_refused_or_dropped(pictures, tmp_path, refused):
    images = np.stack([*pictures.values()])
    labels = np.repeat([0, 1], 60)
    whose = np.array([key[1] for key in pictures])
    val = np.isin(whose, ["P03", "P11"]) & (np.arange(120) % 60 < 2 * PATIENTS)
    arrays = {"images": images, "labels": labels, "groups": whose}
    parts = {f"train_{key}": a[~val] for key, a in arrays.items()}
    np.savez(tmp_path / "a.npz", **parts, **{f"val_{key}": a[val] for key, a in arrays.items()})
    line = "no group may be in both train and val, got 2 of them ('P03', 'P11'): mend the data"
    with refused(re.escape(line)):
        loaded(tmp_path / "a.npz", None)
    data = load(tmp_path / "a.npz", None, 0, leaks="drop")
    assert (len(data.train), len(data.val), data.cleaning.shared) == (108, 8, 4)
    assert not patients_of(pictures, data.train) & {"P03", "P11"}
    assert "dropped 4 of groups that validate" in data.cleaning.summary()


# --- paths ---------------------------------------------------------------------------------------


def test_only_files_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "who.csv").write_text("")
    assert absolute_groups("who.csv") == str(tmp_path / "who.csv")
    assert absolute_groups("who.csv:patient") == f"{tmp_path}/who.csv:patient"
    for other in ("patient", "none", "(P[0-9]+)_", "gone.csv", "/(P[0-9]+)/"):
        assert absolute_groups(other) == other
        assert group_file(other) is None
    assert group_file("/gone/who.csv:patient").name == "who.csv"


def test_nothing_is_logged_of_pictures_without_groups(by_class, caplog):
    with caplog.at_level(logging.INFO, logger="bcauto"):
        assert loaded(by_class, None).grouping == "none"
    assert caplog.text == ""
