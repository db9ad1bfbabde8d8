"""What is said of data that holds nothing to read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bcauto.data.reading import read, read_for_evaluation


@pytest.fixture
def classes(tmp_path):
    """Two folders of pictures of a letter each, and what a caller adds."""
    for at, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = np.full((9, 9, 3), 30 * at + number, np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), pixels)
    return tmp_path


FILES = {
    "x_train.npy": "save its images together with their labels",
    "pcam.H5": "save its images and labels as an .npz file",
    "train-00000.tfrecord": "save its images and labels as an .npz file",
    "cells.tar.gz": "unpack it and give its folder",
    "cells.7z": "unpack it and give its folder",
    "train.csv": "give the folder of the pictures as --data, and this file as --labels",
    "metadata.jsonl": "and a CSV file of their labels as --labels",
    "data.yaml": "give the folder that it names",
    "cell.JPG": "give the folder of all class folders",
}


@pytest.mark.parametrize(("name", "remedy"), FILES.items(), ids=FILES)
def test_files_of_other_kinds_are_refused_by_what_they_are(tmp_path, refused, name, remedy):
    path = tmp_path / name
    path.write_bytes(b"anything")
    for reads in (read, lambda path: read_for_evaluation(path, (8, 8), ("a", "b"))):
        with refused(f"^{path}: must be an .npz file, or a folder or zip .*{remedy}"):
            reads(path)


def test_pictures_of_another_format_are_counted(classes, refused):
    (classes / "c").mkdir()
    for number in range(4):
        (classes / "c" / f"{number}.dcm").write_bytes(b"DICM")
    with refused("got none in 'c', which holds 4 files .dcm: save pictures of another format as"):
        read(classes)


def test_links_to_what_is_not_there(classes, refused):
    (classes / "c").mkdir()
    for number in range(4):
        (classes / "c" / f"{number}.png").symlink_to("../.git/annex/objects/gone")
    with refused("got none in 'c': 4 links there, such as 0.png, lead to files that are missing"):
        read(classes)


def test_a_folder_beside_the_one_that_holds_the_classes(classes, refused):
    for name in ("pages", "parts"):
        (classes.parent / "set" / name).mkdir(parents=True)
    classes = classes.rename(classes.parent / "set" / "crops")
    with refused(f"got pictures in 'crops' only: give {classes}$"):
        read(classes.parent)


def test_an_empty_class_is_no_matter_in_an_evaluation(classes, caplog):
    (classes / "c").mkdir()
    assert len(read_for_evaluation(classes, (9, 9), ("a", "b", "c"))) == 6
    assert "has no image of 1 of 3 classes (c)" in caplog.text


def test_pointers_of_git_lfs(classes, refused):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:2d\nsize 10\n"
    (classes / "b" / "1.png").write_text(pointer, encoding="ascii")
    with refused("1.png: stands for a picture that Git LFS has not fetched: run git lfs pull"):
        read(classes)


def test_web_pages_that_were_saved_as_pictures(classes, refused):
    (classes / "b" / "1.png").write_text("\n<!DOCTYPE html>\n<title>404", encoding="ascii")
    with refused("1.png: cannot be read as a picture .*begins as a web page does"):
        read(classes)


def test_pictures_with_a_csv_file_beside_them(classes, tmp_path, refused):
    flat = tmp_path / "set" / "images"
    flat.parent.mkdir()
    (classes / "a").rename(flat)
    with refused("got only 'images': give a CSV file of their labels with --labels, or the folder"):
        read(flat.parent)
    for name in ("sample_submission.csv", "train_labels.csv"):
        (flat.parent / name).touch()
    with refused(f"got only 'images': give {flat.parent}/train_labels.csv with --labels, or"):
        read(flat.parent)
    (flat / "labels.csv").touch()
    with refused(f"3 pictures outside of any: give {flat}/labels.csv with --labels"):
        read(flat)


def test_parts_of_pictures_with_a_csv_file_beside_them(classes, tmp_path, refused):
    kaggle = tmp_path / "competition"
    kaggle.mkdir()
    (classes / "a").rename(kaggle / "train")
    (classes / "b").rename(kaggle / "test")
    (kaggle / "train.csv").touch()
    remedy = f"give {kaggle}/train.csv with --labels, and {kaggle}/train as --data$"
    with refused(f"'test', 'train' must hold a folder for each class, got none: {remedy}"):
        read(kaggle)
