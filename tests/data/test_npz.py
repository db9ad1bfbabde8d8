from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bcauto.data import checks as rules
from bcauto.data.reading import read, read_for_evaluation
from bcauto.errors import BadInput
from bcauto.io.npz_archive import Archive

LABELS = np.array([0, 1, 2] * 4)
RNG = np.random.default_rng(7)
IMAGES = RNG.integers(0, 256, (12, 12, 10, 3), np.uint8)
GOOD = {"images": IMAGES, "labels": LABELS}


@pytest.fixture
def write(tmp_path):
    def save(**arrays):
        path = tmp_path / "cells.npz"
        np.savez_compressed(path, **arrays)
        return path

    return save


@pytest.fixture
def unpacked(monkeypatch):
    """The arrays whose data has been read so far."""
    keys = []
    original = Archive.read

    def spy(self, key):
        keys.append(key)
        return original(self, key)

    monkeypatch.setattr(Archive, "read", spy)
    return keys


@pytest.mark.parametrize("shape", [(12,), (12, 1)])
@pytest.mark.parametrize("dtype", ["u1", "i2", ">i8", "f2", "f4"])
def test_challenge_layout(write, shape, dtype):
    source = read(write(images=IMAGES, labels=LABELS.reshape(shape).astype(dtype)))
    np.testing.assert_array_equal(source.train.images, IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)
    assert source.train.labels.dtype == np.int64
    assert source.val is None
    assert source.class_names == ("0", "1", "2")


def test_true_and_false_are_two_classes(write):
    source = read(write(images=IMAGES, labels=LABELS > 0))
    assert source.class_names == ("0", "1")


def test_medmnist_layout_keeps_its_validation_images(write, unpacked):
    source = read(
        write(
            train_images=IMAGES,
            train_labels=LABELS[:, None],
            val_images=IMAGES[:6, ::-1],
            val_labels=LABELS[:6],
            test_images=IMAGES,
            test_labels=LABELS,
        )
    )
    np.testing.assert_array_equal(source.val.images, IMAGES[:6, ::-1])
    np.testing.assert_array_equal(source.val.labels, LABELS[:6])
    assert not any(key.startswith("test_") for key in unpacked)


def test_medmnist_layout_without_validation_images(write):
    assert read(write(train_images=IMAGES, train_labels=LABELS)).val is None


def test_class_names_come_from_the_file(write):
    source = read(write(**GOOD, class_names=np.array(["a", "b", "c"])))
    assert source.class_names == ("a", "b", "c")


def test_columns_first_and_uncompressed_arrays_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.asfortranarray(IMAGES), labels=LABELS)
    images = read(tmp_path / "a.npz").train.images
    np.testing.assert_array_equal(images, IMAGES)
    assert images.flags.c_contiguous


@pytest.mark.parametrize("size", [8, 10, 30])
def test_image_size_makes_squares(write, size):
    train = read(write(**GOOD), image_size=size).train
    assert train.images.shape == (12, size, size, 3)
    assert train.images.dtype == np.uint8


def test_one_image_size_for_train_and_val_of_two(write, refused):
    path = write(
        train_images=IMAGES, train_labels=LABELS, val_images=IMAGES[:, :9], val_labels=LABELS
    )
    with refused(r"differ in size, 12 x 10 and 9 x 10; give an image size"):
        read(path)
    source = read(path, image_size=16)
    assert source.train.image_size == source.val.image_size == (16, 16)


def test_shrinking_averages_areas(write):
    checks = np.indices((16, 16)).sum(0) % 2 * 200
    images = np.repeat(checks[None, ..., None], 3, axis=3).astype(np.uint8)
    train = read(write(images=images.repeat(4, 0), labels=[0, 1, 0, 1]), image_size=8).train
    assert (train.images == 100).all()


@pytest.mark.parametrize("shape", [(12, 12, 10), (12, 12, 10, 1)])
def test_grey_images_become_rgb(write, shape):
    grey = IMAGES[..., 1]
    source = read(write(images=grey.reshape(shape), labels=LABELS))
    np.testing.assert_array_equal(source.train.images, np.stack([grey] * 3, axis=-1))


def test_grey_images_are_resized_as_coloured_ones(write):
    grey = read(write(images=IMAGES[..., 2], labels=LABELS), image_size=17).train.images
    equal = read(write(images=IMAGES[..., [2, 2, 2]], labels=LABELS), image_size=17).train.images
    np.testing.assert_array_equal(grey, equal)


def test_grey_medmnist(write):
    names = {"train": 0, "val": 1, "test": 2}
    images = {f"{part}_images": IMAGES[..., at] for part, at in names.items()}
    labels = {f"{part}_labels": LABELS[:, None] for part in names}
    path = write(**images, **labels)
    source = read(path)
    np.testing.assert_array_equal(source.train.images, IMAGES[..., [0, 0, 0]])
    np.testing.assert_array_equal(source.val.images, IMAGES[..., [1, 1, 1]])
    test = read_for_evaluation(path, (12, 10), 3)
    np.testing.assert_array_equal(test.images, IMAGES[..., [2, 2, 2]])
    assert read(path).train.images.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f4"])
def test_one_hot_labels(write, dtype):
    source = read(write(images=IMAGES, labels=np.eye(3)[LABELS].astype(dtype)))
    np.testing.assert_array_equal(source.train.labels, LABELS)
    assert source.class_names == ("0", "1", "2")


def with_one(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


BAD_ARRAYS = {
    "pickle": ({"images": IMAGES, "labels": LABELS.astype(object)}, r"'labels'.*pickle"),
    "pickled images": ({"images": np.array([None] * 12), "labels": LABELS}, r"'images'.*pickle"),
    "no images": (
        {"labels": LABELS},
        r"no images with labels, got 'labels'\. Legal: .*train_images",
    ),
    "no labels": ({"images": IMAGES}, "no images with labels, got 'images'"),
    "other keys": ({"x": IMAGES, "y": LABELS}, "got 'x', 'y'. Legal: either images with labels"),
    "both layouts": (
        {**GOOD, "train_images": IMAGES, "train_labels": LABELS},
        "two sets of images",
    ),
    "half a val": ({**GOOD, "val_images": IMAGES}, "both val_images and val_labels .*only val_im"),
    "lengths": ({"images": IMAGES, "labels": LABELS[:9]}, "one label per image, got 12 and 9"),
    "one class": ({"images": IMAGES, "labels": LABELS * 0}, "at least two classes, got 1"),
    "gap": ({"images": IMAGES, "labels": LABELS * 2}, "without gaps, got a label 4 but no label 1"),
    "from one": ({"images": IMAGES, "labels": LABELS + 1}, "got a label 3 but no label 0"),
    "negative": ({"images": IMAGES, "labels": LABELS - 1}, "whole numbers 0..k-1, got -1"),
    "not whole": ({"images": IMAGES, "labels": LABELS + 0.5}, "whole numbers 0..k-1, got 0.5"),
    "NaN label": ({"images": IMAGES, "labels": with_one(LABELS * 1.0, 3, np.nan)}, "got nan"),
    "infinite": ({"images": IMAGES, "labels": with_one(LABELS * 1.0, 3, np.inf)}, "got inf"),
    "huge": ({"images": IMAGES, "labels": with_one(LABELS, 3, 2**62)}, f"got {2**62}"),
    "text labels": ({"images": IMAGES, "labels": LABELS.astype(str)}, "whole numbers.*got <U"),
    "multi-label": (
        {"images": IMAGES, "labels": with_one(np.eye(3, dtype=int)[LABELS], (4, 0), 1)},
        "several or none for 1 of 12: a multi-label data set",
    ),
    "no label": (
        {"images": IMAGES, "labels": with_one(np.eye(3)[LABELS], slice(2, 5), 0)},
        "several or none for 3 of 12: a multi-label",
    ),
    "shares": (
        {"images": IMAGES, "labels": np.full((12, 3), 1 / 3)},
        r"\(n, 1\), or one-hot of 0 and 1, got \(12, 3\) of other numbers",
    ),
    "labels of pixels": ({"images": IMAGES, "labels": IMAGES}, r"\(n, 1\), got \(12, 12, 10, 3\)"),
    "a number": ({"images": IMAGES, "labels": np.int64(3)}, r"\(n,\) or \(n, 1\), got \(\)"),
    "floats": ({"images": IMAGES / 255, "labels": LABELS}, "uint8 pixels in 0-255, got float64"),
    "NaN": ({"images": IMAGES * np.float32(np.nan), "labels": LABELS}, "uint8.*got float32"),
    "signed": ({"images": IMAGES.astype("i8"), "labels": LABELS}, "uint8.*got int64"),
    "volumes": (
        {"images": np.zeros((12, 9, 9, 9), "u1"), "labels": LABELS},
        r"grey of shape \(n, h, w\), got \(12, 9, 9, 9\): these are 3-D volumes",
    ),
    "coloured volumes": (
        {"images": np.zeros((12, 9, 9, 9, 3), "u1"), "labels": LABELS},
        r"got \(12, 9, 9, 9, 3\): these are 3-D volumes",
    ),
    "channels first": (
        {"images": IMAGES.transpose(0, 3, 1, 2), "labels": LABELS},
        r"got \(12, 3, 12, 10\): the channels come first, save np.moveaxis\(images, 1, -1\)",
    ),
    "grey with channels first": (
        {"images": IMAGES[:, None, ..., 0], "labels": LABELS},
        r"got \(12, 1, 12, 10\): the channels come first",
    ),
    "alpha": (
        {"images": np.concatenate([IMAGES, IMAGES[..., :1]], 3), "labels": LABELS},
        r"\(12, 12, 10, 4\): there is a fourth channel \(alpha\), save images\[..., :3\]",
    ),
    "shares of white": (
        {"images": (IMAGES / 255).astype("f4"), "labels": LABELS},
        r"got float32: save \(images \* 255\).round\(\).astype\('uint8'\) where they are in 0..1",
    ),
    "flat": ({"images": IMAGES.reshape(12, -1), "labels": LABELS}, r"got \(12, 360\)$"),
    "no image": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "at least one image, got none"),
    "small": ({"images": IMAGES[:, :7], "labels": LABELS}, "at least 8 x 8 pixels, got 7 x 10"),
    "rare class": (
        {"images": IMAGES[:5], "labels": [0, 1, 0, 1, 2]},
        "at least 2 of each class, got 1 of '2'",
    ),
    "val lacks a class": (
        {**GOOD, "val_images": IMAGES[:2], "val_labels": LABELS[:2]},
        "val must have at least 1 of each class, got 0 of '2'",
    ),
    "val has more classes": (
        {**GOOD, "val_images": IMAGES, "val_labels": LABELS + 1},
        r"'val_labels': must be in 0\.\.2 for 3 classes, got 3",
    ),
    "too few names": ({**GOOD, "class_names": ["a", "b"]}, r"in 0\.\.1 for 2 classes, got 2"),
    "too many names": ({**GOOD, "class_names": list("abcd")}, "got 0 of 'd'"),
    "same names": ({**GOOD, "class_names": ["a", "b", "a"]}, "must be distinct, got 'a' twice"),
    "an empty name": ({**GOOD, "class_names": ["a", "b", ""]}, "not be empty.*got ''"),
    "numbers as names": (
        {**GOOD, "class_names": [1, 2, 3]},
        r"must be strings .*: save np.array\(class_names, dtype=str\)",
    ),
    "labels from 1": (
        {**GOOD, "labels": LABELS + 1},
        r"a label 3 but no label 0: save np.unique\(labels, return_inverse=True\)\[1\]",
    ),
    "texts as labels": (
        {**GOOD, "labels": np.array(["x", "y", "z"])[LABELS]},
        r"got <U1: save class_names, labels = np.unique\(labels, return_inverse=True\)",
    ),
    "images of 64 bits": (
        {**GOOD, "images": IMAGES.astype(np.int64)},
        r"0-255, got int64: save images.astype\('uint8'\) where they are in 0..255",
    ),
    "images of 12 bits": (
        {**GOOD, "images": IMAGES.astype(np.uint16) * 16},
        r"got uint16: .*\(images >> \(bits - 8\)\).astype\('uint8'\), such as bits = 12",
    ),
    "Keras' names": (
        {"x_test": IMAGES, "y_test": LABELS, "x_train": IMAGES, "y_train": LABELS},
        "save 'x_train' as train_images and 'y_train' as train_labels$",
    ),
    "other names": (
        {"ids": np.arange(5), "pixels": IMAGES, "kind": LABELS[:, None]},
        "save 'pixels' as train_images and 'kind' as train_labels$",
    ),
    "bytes as names": ({**GOOD, "class_names": [b"\xff", b"b", b"c"]}, "ascii"),
}


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_refused(write, refused, arrays, message):
    path = write(**arrays)
    with refused(message):
        read(path)


def test_message_begins_with_the_file(write, refused):
    path = write(images=IMAGES, labels=LABELS - 1)
    with refused(f"^{path}: 'labels': "):
        read(path)


@pytest.mark.parametrize("case", ["lengths", "gap", "rare class", "floats", "val lacks a class"])
def test_refused_before_images_are_unpacked(write, refused, unpacked, case):
    arrays, message = BAD_ARRAYS[case]
    with refused(message):
        read(write(**arrays))
    assert not any("images" in key for key in unpacked)


@pytest.mark.parametrize("size", [None, 30])
def test_too_many_bytes_are_refused_unread(write, refused, unpacked, monkeypatch, size):
    monkeypatch.setattr(rules, "MAX_BYTES", 12 * 30 * 30 * 3 - 1 if size else IMAGES.nbytes - 1)
    with refused("at most 0 GiB"):
        read(write(**GOOD), image_size=size)
    assert "images" not in unpacked


@pytest.mark.parametrize("size", [0, 7, -3])
def test_image_size_has_a_least(write, refused, size):
    with refused(f"image size must be at least 8 pixels, got {size}"):
        read(write(**GOOD), image_size=size)


def test_header_that_promises_more_than_there_is(tmp_path, refused):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (10**7, 96, 96, 3)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", stream.getvalue())
        archive.writestr("labels.npy", stream.getvalue())
    with refused(r"'images': damaged, \(10000000, 96, 96, 3\) uint8 does not fill 128 bytes"):
        read(tmp_path / "a.npz")


def locked(data):
    """The zip with every member marked as one that needs a password."""
    data = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    return bytes(data)


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


BAD_FILES = {
    "empty": (lambda _: b"", "not an npz file"),
    "text": (lambda _: b"images,labels\n1,2\n", "not an npz file"),
    "an npy": (
        lambda _: b"\x93NUMPY\x01\x00",
        r"not an npz file.*Legal: an \.npz file or a folder",
    ),
    "cut early": (lambda data: data[: len(data) // 3], "not an npz file"),
    "cut late": (lambda data: data[:-30], "not an npz file"),
    "beginning lost": (lambda data: data[200:], "damaged"),
    "a byte flipped": (flipped, "damaged"),
    "password": (locked, "locked .*password"),
}


@pytest.mark.parametrize(("change", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_refused(write, refused, change, message):
    path = write(**GOOD)
    path.write_bytes(change(path.read_bytes()))
    with refused(message):
        read(path)


@pytest.mark.parametrize("name", ["images", "images.npy"])
def test_zip_of_something_else_is_refused(tmp_path, refused, name):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr(name, b"hello")
        archive.writestr("labels.npy", b"\x93NUMPY\x09\x00")
    with refused("got 'labels'" if name == "images" else "damaged"):
        read(tmp_path / "a.npz")


@pytest.mark.filterwarnings("ignore:Reading.*Python 2:UserWarning")  # some headers look old
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 0.999), mask=st.integers(1, 255))
def test_any_flipped_byte_is_refused_or_harmless(write, at, mask):
    path = write(**GOOD)
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= mask
    path.write_bytes(data)
    message = ""
    try:
        np.testing.assert_array_equal(read(path).train.images, IMAGES)
    except BadInput as error:
        message = str(error)
    assert "\n" not in message


def test_evaluation_takes_all_images_and_any_classes(write):
    images = IMAGES[[0, 0, 1]]
    test = read_for_evaluation(write(images=images, labels=[2, 2, 0]), (12, 10), ("a", "b", "c"))
    np.testing.assert_array_equal(test.images, images)
    np.testing.assert_array_equal(test.labels, [2, 2, 0])


def test_evaluation_takes_the_test_part_of_medmnist(write, unpacked):
    arrays = {"train_images": IMAGES, "train_labels": LABELS}
    path = write(**arrays, test_images=IMAGES[:5], test_labels=LABELS[:5, None])
    test = read_for_evaluation(path, (16, 20), 3)
    assert test.images.shape == (5, 16, 20, 3)
    assert set(unpacked) == {"test_images", "test_labels"}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train_images": IMAGES, "train_labels": LABELS}, "either images .* or test_images"),
        ({**GOOD, "test_images": IMAGES, "test_labels": LABELS}, "two sets"),
        ({"images": IMAGES, "labels": LABELS + 1}, r"in 0\.\.2 for 3 classes, got 3"),
        ({"images": IMAGES, "labels": LABELS - 1}, "got -1"),
        ({**GOOD, "class_names": ["c", "b", "x"]}, "'x' is not a class of the model; Legal: a, b"),
        ({**GOOD, "class_names": ["2", "1", "0"]}, "'2' is not a class of the model; Legal: a, b"),
    ],
)
def test_evaluation_refuses(write, refused, arrays, message):
    with refused(message):
        read_for_evaluation(write(**arrays), (12, 10), ("a", "b", "c"))


def test_evaluation_matches_the_classes_by_name(write, caplog):
    path = write(**GOOD, class_names=["c", "a", "b"])
    test = read_for_evaluation(path, (12, 10), ("a", "b", "c", "d"))
    np.testing.assert_array_equal(test.labels, np.choose(LABELS, [2, 0, 1]))
    assert "has no image of 1 of 4 classes (d)" in caplog.text


def test_evaluation_without_names_says_how_labels_are_taken(write, caplog):
    test = read_for_evaluation(write(**GOOD), (12, 10), ("a", "b", "c"))
    np.testing.assert_array_equal(test.labels, LABELS)
    assert "'labels': its classes have no names; taken as 0 'a', 1 'b', 2 'c'" in caplog.text


def test_evaluation_takes_labels_for_the_numbers_that_classes_are_called(write):
    names = ("0", "1", "10", "2")
    path = write(images=IMAGES, labels=np.choose(LABELS, [2, 10, 1]))
    expected = np.choose(LABELS, [3, 2, 1])
    np.testing.assert_array_equal(read_for_evaluation(path, (12, 10), names).labels, expected)


def test_evaluation_with_names_fits_a_model_without_and_says_so(write, caplog):
    path = write(**GOOD, class_names=["c", "b", "a"])
    test = read_for_evaluation(path, (12, 10), 3)
    np.testing.assert_array_equal(test.labels, LABELS)
    assert "the model's classes have no names; taken as 0 'c', 1 'b', 2 'a'" in caplog.text


def test_evaluation_with_numbers_fits_a_model_without(write, caplog):
    path = write(**GOOD, class_names=["2", "0", "1"])
    test = read_for_evaluation(path, (12, 10), 3)
    np.testing.assert_array_equal(test.labels, np.choose(LABELS, [2, 0, 1]))
    assert not caplog.records


def test_evaluation_with_names_refuses_a_model_with_fewer_classes(write, refused):
    with refused("the model's 4 classes have no names, so that these must be as many, got 3"):
        read_for_evaluation(write(**GOOD, class_names=["c", "b", "a"]), (12, 10), 4)
