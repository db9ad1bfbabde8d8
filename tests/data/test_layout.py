from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

from bcauto.data.folder import read_folder_for_evaluation
from bcauto.data.reading import read


@pytest.fixture
def fill(tmp_path):
    """Writes pictures of one grey each into a folder; returns the folder of the data set."""

    def write(folder, *greys):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for grey in greys:
            pixels = np.full((10, 12, 3), grey, np.uint8)
            assert cv2.imwrite(str(tmp_path / folder / f"{grey}.png"), pixels)
        return tmp_path

    return write


def greys(part):
    """The grey of each picture, by class index."""
    found = {label: [] for label in sorted(set(part.labels.tolist()))}
    for image, label in zip(part.images, part.labels.tolist(), strict=True):
        found[label].append(int(image[0, 0, 0]))
    return found


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "VALID", "Testing"),
        ("training_set", "validation_set", "test_set"),
        ("seg_train", "dev", "seg_test"),
        ("Train_Images", "Validation Data", "TEST1"),
    ],
)
def test_parts_are_read_as_what_they_are_called(fill, train, val, test):
    fill(f"{train}/ape", 1, 2)
    fill(f"{train}/bee", 3)
    fill(f"{val}/bee", 4, 5)
    fill(f"{val}/ape", 6)
    path = fill(f"{test}/ape", 7)
    found = read(path)
    assert found.class_names == ("ape", "bee")
    assert greys(found.train) == {0: [1, 2], 1: [3]}
    assert greys(found.val) == {0: [6], 1: [4, 5]}
    assert greys(read_folder_for_evaluation(path, (8, 8), ("ape", "bee"))) == {0: [7]}


def test_without_a_validation_part_the_training_part_is_split_later(fill):
    fill("TRAIN/ape", 1, 2)
    fill("TRAIN/bee", 3, 4)
    found = read(fill("TEST", 5, 6))
    assert found.val is None
    assert greys(found.train) == {0: [1, 2], 1: [3, 4]}


def test_test_part_is_never_opened_by_a_search(fill):
    fill("train/ape", 1, 2)
    fill("train/bee", 3, 4)
    path = fill("test/ape")
    (path / "test" / "ape" / "broken.png").write_bytes(b"nothing")
    (path / "test" / "cat").mkdir()
    assert len(read(path).train) == 4


def test_wrapper_folders_are_opened(fill):
    fill("set-master/images/Train/ape", 1, 2)
    fill("set-master/images/Train/bee", 3, 4)
    fill("set-master/images/val/ape", 5)
    path = fill("set-master/images/val/bee", 6)
    (path / "set-master" / "labels.csv").touch()
    assert greys(read(path).val) == {0: [5], 1: [6]}


def test_wrapper_around_class_folders(fill):
    fill("cells/ape", 1, 2)
    assert read(fill("cells/bee", 3, 4)).class_names == ("ape", "bee")


def test_an_only_class_of_the_model_is_no_wrapper(fill):
    path = fill("ape/patient 1", 1)
    fill("ape/patient 2", 2)
    assert greys(read_folder_for_evaluation(path, (8, 8), ("bee", "ape"))) == {1: [1, 2]}


def test_junk_of_archives_and_systems_is_ignored_without_a_word(fill, caplog):
    fill("__MACOSX/ape", 9)
    fill("ape", 1, 2)
    fill("ape/.ipynb_checkpoints", 8)
    path = fill("bee", 3, 4)
    for name in (".DS_Store", "ape/._1.png", "ape/Thumbs.db", "bee/desktop.ini", "bee/@eaDir"):
        (path / name).touch()
    found = read(path)
    assert found.class_names == ("ape", "bee")
    assert greys(found.train) == {0: [1, 2], 1: [3, 4]}
    assert not caplog.records


def test_pictures_are_found_below_the_class_at_any_depth(fill):
    fill("benign/donor 1/40X", 2)
    fill("benign/donor 2", 3)
    fill("benign", 1)
    path = fill("malignant/donor 1/slide", 4, 5)
    assert greys(read(path).train) == {0: [1, 2, 3], 1: [4, 5]}


def test_patients_above_the_classes_are_pointed_out(fill, caplog):
    for patient in range(3):
        fill(f"patient {patient}/benign", 10 * patient)
        path = fill(f"patient {patient}/malignant", 10 * patient + 1)
    assert len(read(path).class_names) == 3
    (message,) = caplog.messages
    assert "takes its 3 folders as classes ('patient 0', 'patient 1', 'patient 2')" in message
    assert "each of which holds folders such as 'benign', 'malignant'" in message


def test_patients_below_the_classes_are_not(fill, caplog):
    for patient in range(3):
        fill(f"benign/patient {patient}", 10 * patient)
        path = fill(f"malignant/patient {patient}", 10 * patient + 1)
    assert len(read(path).class_names) == 2
    assert not caplog.records


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled", "unlabeled_images", "test"])
def test_unlabelled_folder_beside_classes_is_left_out_and_said(fill, caplog, name):
    fill("ape", 1, 2)
    fill("bee", 3, 4)
    path = fill(name, 5, 6)
    (path / "7.png").touch()
    assert read(path).class_names == ("ape", "bee")
    assert f"left out {name!r}, which is no class" in caplog.text
    assert "ignored 1 that are not pictures of a class (.png 1)" in caplog.text


def test_a_model_that_knows_the_class_unlabelled_is_evaluated_on_it(fill):
    fill("ape", 1)
    fill("bee", 2)
    path = fill("unlabelled", 3)
    known = ("ape", "bee", "unlabelled")
    assert greys(read_folder_for_evaluation(path, (8, 8), known)) == {0: [1], 1: [2], 2: [3]}


def test_a_class_may_be_called_train(fill):
    fill("bus", 1, 2)
    assert read(fill("train", 3, 4)).class_names == ("bus", "train")


def test_other_folders_beside_parts_are_left_out_and_said(fill, caplog):
    for part, first in (("train", 1), ("test", 5), ("old copy", 9)):
        fill(f"{part}/ape", first, first + 1)
        path = fill(f"{part}/bee", first + 2, first + 3)
    assert greys(read(path).train) == {0: [1, 2], 1: [3, 4]}
    assert "left out 'old copy' beside" in caplog.text


def test_folders_without_pictures_beside_a_training_part(fill):
    fill("annotations/xml")
    fill("train/ape", 1, 2)
    assert read(fill("train/bee", 3, 4)).class_names == ("ape", "bee")


REFUSED = {
    "flat parts": (
        ["train", "val"],
        r"'train', 'val' must hold a folder for each class, got none",
    ),
    "no training part": (["val/a", "val/b", "test/a"], "needs a folder to train on, got only test"),
    "two training parts": (
        ["train/a", "train/b", "Train_Set/a", "Train_Set/b"],
        "one folder to train on, got 'Train_Set', 'train': move the others away",
    ),
    "class or part": (
        ["train/a", "train/b", "bus"],
        r"whether 'train' is a class or a part, beside 'bus': give .*train to train on",
    ),
    "parts below classes": (
        ["one/images/TRAIN/a", "two/TEST/a"],
        "must not lie below a class folder; give .*images if its folders are the parts",
    ),
    "folds": (["fold_0/a", "fold_0/b", "fold_1/a"], "got folds .*'fold_0', 'fold_1'.: give one"),
    "unknown class in val": (["train/a", "train/b", "val/c", "val/b"], "'c' is not a class"),
}


@pytest.mark.parametrize(("folders", "message"), REFUSED.values(), ids=REFUSED)
def test_unclear_layouts_are_refused_with_a_remedy(fill, refused, folders, message):
    for at, folder in enumerate(folders):
        path = fill(folder, 2 * at, 2 * at + 1)
    with refused(message):
        read(path)


def test_evaluation_needs_a_test_part_where_there_are_parts(fill, refused):
    fill("train/a", 1)
    path = fill("val/a", 2)
    with refused("needs a folder to test on, got only train, val; give a folder of class folders"):
        read_folder_for_evaluation(path, (8, 8), ("a", "b"))


def test_info_is_not_logged_for_plain_class_folders(fill, caplog):
    caplog.set_level(logging.INFO)
    fill("a", 1, 2)
    read(fill("b", 3, 4))
    assert not caplog.records


@pytest.fixture
def mask(tmp_path):
    """Writes a black picture under a name in a folder."""

    def write(name):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(tmp_path / name), np.zeros((10, 12, 3), np.uint8))

    return write


def test_masks_beside_their_pictures_are_left_out_and_said(fill, mask, caplog):
    fill("polyp", 1, 2, 3)
    path = fill("ulcer", 4, 5)
    for name in ("polyp/1_mask", "polyp/1_mask_1", "polyp/2-Segmentation", "ulcer/5 GT"):
        mask(f"{name}.png")
    assert greys(read(path).train) == {0: [1, 2, 3], 1: [4, 5]}
    assert "left out 4 masks of pictures ('1_mask.png', '1_mask_1.png', '2-" in caplog.text


def test_what_is_called_a_mask_is_a_picture_where_it_is_one_of_none(fill, mask):
    fill("with_mask", 1, 2)
    path = fill("mask", 3, 4)
    mask("mask/9_mask.png")
    found = read(path)
    assert found.class_names == ("mask", "with_mask")
    assert greys(found.train) == {0: [3, 4, 0], 1: [1, 2]}


def test_folders_of_masks_below_classes_are_left_out(fill, mask, caplog):
    for name, first in (("flood", 1), ("dry", 4)):
        path = fill(f"{name}/images", first, first + 1)
        mask(f"{name}/masks/{first}.png")
    assert greys(read(path).train) == {0: [4, 5], 1: [1, 2]}
    assert "left out 2 masks of pictures ('4.png', '1.png')" in caplog.text


def test_a_folder_of_masks_beside_one_of_classes_is_left_out(fill, caplog):
    for name, first in (("trimaps", 1), ("images", 5)):
        fill(f"{name}/ape", first, first + 1)
        path = fill(f"{name}/bee", first + 2, first + 3)
    assert greys(read(path).train) == {0: [5, 6], 1: [7, 8]}
    assert "left out 'trimaps', masks of pictures" in caplog.text


def test_parts_in_class_folders(fill):
    for at, name in enumerate(("bee", "ape")):
        for step, part in enumerate(("Train", "valid", "TEST")):
            path = fill(f"{name}/{part}", 10 * at + 2 * step, 10 * at + 2 * step + 1)
    found = read(path)
    assert found.class_names == ("ape", "bee")
    assert greys(found.train) == {0: [10, 11], 1: [0, 1]}
    assert greys(found.val) == {0: [12, 13], 1: [2, 3]}
    tested = read_folder_for_evaluation(path, (10, 12), ("bee", "ape"))
    assert greys(tested) == {0: [4, 5], 1: [14, 15]}


def test_a_part_that_a_class_lacks_in_its_folder_is_named(fill, refused):
    fill("ape/train", 1, 2)
    fill("ape/val", 3)
    path = fill("bee/train", 4, 5)
    with refused("val must have at least 1 of each class, got 0 of 'bee'"):
        read(path)
    with refused("needs a folder to test on, got only train, val"):
        read_folder_for_evaluation(path, (8, 8), ("ape", "bee"))


def test_a_part_that_only_wraps_itself_is_opened(fill):
    for part, first in (("seg_train", 1), ("seg_test", 5)):
        fill(f"{part}/{part}/ape", first, first + 1)
        path = fill(f"{part}/{part}/bee", first + 2, first + 3)
    assert greys(read(path).train) == {0: [1, 2], 1: [3, 4]}
    assert greys(read_folder_for_evaluation(path, (8, 8), ("ape", "bee"))) == {0: [5, 6], 1: [7, 8]}


def test_several_parts_to_test_on_concern_an_evaluation_only(fill, refused):
    for part, first in (("Train", 1), ("TestA", 5), ("TestB", 20)):
        fill(f"{part}/ape", first, first + 1)
        path = fill(f"{part}/bee", first + 2, first + 3)
    assert greys(read(path).train) == {0: [1, 2], 1: [3, 4]}
    with refused("one folder to test on, got 'TestA', 'TestB': give one of them, such as .*TestA"):
        read_folder_for_evaluation(path, (8, 8), ("ape", "bee"))
    tested = read_folder_for_evaluation(path / "TestB", (8, 8), ("ape", "bee"))
    assert greys(tested) == {0: [20, 21], 1: [22, 23]}


@pytest.mark.parametrize("versions", [("color", "grayscale"), ("Original images", "Segmented")])
def test_versions_of_the_same_pictures_are_refused(fill, refused, versions):
    for at, version in enumerate(versions):
        fill(f"{version}/rust", 9 * at + 1, 9 * at + 2)
        path = fill(f"{version}/scab", 9 * at + 3, 9 * at + 4)
    message = f"versions of the same classes .*with 'rust', 'scab'.: give .*{versions[0]}$"
    with refused(message):
        read(path)
    assert len(read(path / versions[1]).train) == 4


def test_a_copy_of_all_classes_in_a_folder_beside_them_is_left_out(fill, caplog):
    fill("infected", 1, 2)
    fill("healthy", 3, 4)
    fill("cells/infected", 1, 2)
    path = fill("cells/healthy", 3, 4)
    assert greys(read(path).train) == {0: [3, 4], 1: [1, 2]}
    assert "left out 'cells', which is no class" in caplog.text
