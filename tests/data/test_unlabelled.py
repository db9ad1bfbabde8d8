"""Pictures without labels, from every place a user may keep them."""

from __future__ import annotations

import shutil
import threading
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from bcauto.data.resize import resize_one
from bcauto.data.unlabelled import open_pictures


def read(paths, size=(12, 10), resize="stretch", at_most=128):
    """All names, images and reasons, and the sizes of the batches."""
    with open_pictures(paths) as pictures:
        batches = list(pictures.batches(size, resize, at_most))
        count = pictures.count
    names = [name for batch in batches for name in batch.names]
    damaged = {name: why for batch in batches for name, why in batch.damaged.items()}
    assert count == len(names) + len(damaged)
    images = np.concatenate([batch.images for batch in batches])
    assert len(images) == len(names)
    return names, images, damaged, [len(batch.images) for batch in batches]


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def folder(tmp_path, images_of):
    """Five pictures at three depths, in ``images_of``'s order."""
    places = ("1.png", "2.PNG", "a/3.png", "a/b/4.png", "c/0.png")
    for place, image in zip(places, images_of(5), strict=True):
        write(tmp_path / "pics" / place, image)
    return tmp_path / "pics"


def test_a_folder_is_read_at_every_depth_and_in_order(folder, images_of):
    names, images, damaged, _ = read([folder])
    inside = [str(folder / place) for place in ("1.png", "2.PNG", "a/3.png", "a/b/4.png")]
    assert names == [*inside, str(folder / "c/0.png")]
    np.testing.assert_array_equal(images, images_of(5))
    assert not damaged


def test_files_folders_and_arrays_come_in_the_order_given(folder, images_of, tmp_path):
    np.savez(tmp_path / "x.npz", images=images_of(3, seed=1))
    names, images, _, sizes = read([folder / "c/0.png", tmp_path / "x.npz", folder])
    expected = [images_of(5)[4:], images_of(3, seed=1), images_of(5)]
    np.testing.assert_array_equal(images, np.concatenate(expected))
    assert names[1:4] == [f"{tmp_path / 'x.npz'}[{at}]" for at in range(3)]
    assert sizes == [1, 3, 5]


def test_files_given_one_by_one_fill_batches_together(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    assert read([*files, folder], at_most=4)[3] == [4, 4, 2]


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
def test_pictures_of_other_sizes_are_resized_as_a_data_set_is(resize, tmp_path, images_of):
    [large], [wide] = images_of(1, (50, 40)), images_of(1, (20, 60))
    write(tmp_path / "large.png", large)
    write(tmp_path / "wide.png", wide)
    np.savez(tmp_path / "large.npz", images=large[None])
    _, images, _, _ = read([tmp_path / "large.png", tmp_path / "wide.png"], resize=resize)
    expected = [resize_one(image, (12, 10), resize) for image in (large, wide)]
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(read([tmp_path / "large.npz"], resize=resize)[1][0], expected[0])


def test_what_was_resized_is_counted(tmp_path, images_of):
    for at, size in enumerate([(12, 10), (20, 30), (50, 40)]):
        write(tmp_path / f"{at}.png", images_of(1, size)[0])
    with open_pictures([tmp_path]) as pictures:
        assert [batch.resized for batch in pictures.batches((12, 10), at_most=2)] == [1, 1]


def test_damaged_files_are_named_with_the_reason_and_the_others_are_read(folder, images_of):
    whole = (folder / "a/3.png").read_bytes()
    (folder / "a/3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "2.PNG").write_bytes(b"no picture")
    write(folder / "tiny.png", images_of(1, (4, 4))[0])
    _, images, damaged, _ = read([folder])
    np.testing.assert_array_equal(images, images_of(5)[[0, 3, 4]])
    assert [str(folder / name) for name in ("2.PNG", "tiny.png", "a/3.png")] == list(damaged)
    assert "cannot be read as a picture" in damaged[str(folder / "2.PNG")]
    assert "at least 8 x 8 pixels, got 4 x 4" in damaged[str(folder / "tiny.png")]
    assert "damaged or cut short" in damaged[str(folder / "a/3.png")]
    assert not any(why.startswith(str(folder)) for why in damaged.values())


def test_a_file_that_vanished_is_damaged(folder):
    with open_pictures([folder]) as pictures:
        (folder / "1.png").unlink()
        [batch] = pictures.batches((12, 10))
    assert "no such file" in batch.damaged[str(folder / "1.png")]


def test_other_files_are_counted_and_hidden_ones_are_not(folder, caplog):
    for name in ("notes.txt", "a/x.csv", ".hidden.png", "Thumbs.db"):
        (folder / name).write_bytes(b"x")
    assert len(read([folder])[0]) == 5
    assert f"{folder}: ignored 2 files that are no pictures" in caplog.text


def test_a_zip_is_read_as_its_folder_and_shown_with_its_own_path(folder, images_of, tmp_path):
    (folder / "a/3.png").write_bytes(b"no picture")
    packed = tmp_path / "pics.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, file.relative_to(folder))
    shutil.rmtree(folder)
    names, images, damaged, _ = read([packed])
    np.testing.assert_array_equal(images, images_of(5)[[0, 1, 3, 4]])
    assert names == [str(packed / place) for place in ("1.png", "2.PNG", "a/b/4.png", "c/0.png")]
    assert list(damaged) == [str(packed / "a/3.png")]


def test_grey_arrays_are_read_as_rgb(tmp_path, images_of):
    grey = images_of(5)[..., 0]
    for number, array in enumerate((grey, grey[..., None])):
        np.savez_compressed(tmp_path / f"{number}.npz", images=array)
        _, images, _, sizes = read([tmp_path / f"{number}.npz"], at_most=2)
        np.testing.assert_array_equal(images, np.stack([grey] * 3, axis=-1))
        assert sizes == [2, 2, 1]


@pytest.mark.parametrize("keys", [("images", "labels"), ("test_images", "train_images"), ("x",)])
def test_the_array_of_an_npz_file(keys, tmp_path, images_of):
    arrays = {key: images_of(3, seed=number) for number, key in enumerate(keys)}
    np.savez(tmp_path / "x.npz", **arrays)
    np.testing.assert_array_equal(read([tmp_path / "x.npz"])[1], images_of(3))


def test_the_order_of_an_array_in_memory_does_not_matter(tmp_path, images_of):
    np.savez(tmp_path / "x.npz", images=np.asfortranarray(images_of(5)))
    np.testing.assert_array_equal(read([tmp_path / "x.npz"], at_most=2)[1], images_of(5))


def test_pictures_of_12_bits_keep_their_brightness_in_every_batch(tmp_path):
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 4096, (5, 12, 10, 3)).astype(np.uint16)
    for at, image in enumerate(whole):
        cv2.imwrite(str(tmp_path / f"{at}.png"), image[..., ::-1])
    _, images, _, _ = read([tmp_path], at_most=2)
    np.testing.assert_array_equal(images, whole >> 4)


def test_only_a_few_batches_are_read_ahead(folder, monkeypatch):
    opened = []
    decode = "bcauto.data.picture_batches.decode"
    monkeypatch.setattr(decode, lambda path, *_: opened.append(path) or np.zeros((12, 10, 3)))
    for number in range(20):
        shutil.copy(folder / "1.png", folder / f"1{number}.png")
    with open_pictures([folder]) as pictures:
        batches = pictures.batches((12, 10), at_most=2)
        next(batches)
        batches.close()
    assert 2 <= len(opened) <= 8  # of 25: this batch, two ahead, and one begun meanwhile
    assert threading.active_count() < 20


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist. Legal: a picture, a folder or zip"),
        (lambda path: path.mkdir(), "must hold at least one picture, got an empty folder"),
        (lambda path: (path.mkdir(), (path / "x.txt").touch()), "one picture, got none of 1 files"),
    ],
)
def test_a_path_without_pictures_is_refused(make, said, tmp_path, refused):
    make(tmp_path / "given")
    with refused(f"given: .*{said}"), open_pictures([tmp_path / "given"]):
        pass


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((2, 9, 9, 3), np.uint8), "y": np.zeros(2)}, "must hold images or test_ima"),
        ({"images": np.zeros((2, 9, 9, 3), np.float32)}, "must be uint8 pixels in 0-255"),
        ({"images": np.zeros((0, 9, 9, 3), np.uint8)}, "must hold at least one image"),
        ({"images": np.zeros((2, 9, 9, 4), np.uint8)}, "there is a fourth channel"),
        ({}, "must hold images or test_images, or one array, got no arrays"),
    ],
)
def test_an_npz_file_that_breaks_a_rule_is_refused_before_anything_is_read(
    arrays, said, tmp_path, refused
):
    np.savez(tmp_path / "x.npz", **arrays)
    with refused(said), open_pictures([tmp_path / "x.npz"]):
        pass


def test_a_zip_without_pictures_is_refused(tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("notes.txt", "x")
    with refused("x.zip: must hold at least one picture"), open_pictures([tmp_path / "x.zip"]):
        pass


def test_an_npz_file_that_is_damaged_inside_is_refused(tmp_path, images_of, refused):
    np.savez(tmp_path / "x.npz", images=images_of(100, (40, 40)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "x.npz").write_bytes(content)
    with refused("x.npz: damaged"):
        read([tmp_path / "x.npz"])
