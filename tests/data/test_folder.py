from __future__ import annotations

import logging
import shutil

import cv2
import numpy as np
import pytest

from bcauto.data import checks as rules
from bcauto.data import pictures
from bcauto.data.dataset import load
from bcauto.data.reading import read, read_for_evaluation
from bcauto.data.resize import resize_one
from bcauto.data.rules import ReadingRules


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


@pytest.fixture
def cells(tmp_path, images_of):
    """Three class folders with two 12 x 10 pictures each, in images_of's order."""
    for index, image in enumerate(images_of(6)):
        write(tmp_path / "abc"[index // 2] / f"{index}.png", image)
    return tmp_path


def test_classes_are_in_alphabetical_order(cells, images_of):
    source = read(cells)
    assert source.class_names == ("a", "b", "c")
    assert source.val is None
    np.testing.assert_array_equal(source.train.images, images_of(6))
    np.testing.assert_array_equal(source.train.labels, [0, 0, 1, 1, 2, 2])


def test_numbers_in_the_names_of_classes_are_ordered_as_numbers(tmp_path, images_of):
    names = ("well 1", "well 2", "well 10", "well 100")
    for index, image in enumerate(images_of(8)):
        write(tmp_path / names[index // 2] / f"{index}.png", image)
    source = read(tmp_path)
    assert source.class_names == names
    np.testing.assert_array_equal(source.train.labels, np.repeat(range(4), 2))
    np.testing.assert_array_equal(source.train.images, images_of(8))


def test_suffixes_are_read_in_any_case(cells, images_of):
    for name in ("x.PNG", "x.Jpg", "x.jpeg", "x.JPEG"):
        write(cells / "a" / "new.png", images_of(1)[0])
        (cells / "a" / "new.png").rename(cells / "a" / name)
    assert read(cells).train.class_counts(3) == (6, 2, 2)


def test_commonest_size_is_the_default(cells, images_of, caplog):
    caplog.set_level(logging.INFO)
    write(cells / "a" / "9.png", images_of(1, (30, 30))[0])
    assert read(cells).train.images.shape == (7, 12, 10, 3)
    assert "1 of 7 pictures are resized to 12 x 10, the size of 6 (--image-size" in caplog.text
    assert "; what has another shape (1, by up to 20%) is stretched (--resize fit" in caplog.text


def test_every_picture_of_another_size_is_said(tmp_path, caplog):
    for index in range(8):
        image = np.full((20 + index, 40 + 2 * index, 3), 9 * index, np.uint8)
        write(tmp_path / "ab"[index % 2] / f"{index}.png", image)
    assert read(tmp_path).train.images.shape == (8, 20, 40, 3)
    assert caplog.messages == [
        f"{tmp_path}: 7 of 8 pictures are resized to 20 x 40, the size of 1 "
        "(--image-size chooses another)"
    ]
    caplog.clear()
    read(tmp_path, 16, ReadingRules(resize="crop"))
    assert caplog.messages == [
        f"{tmp_path}: 8 of 8 pictures are resized to 16 x 16; what has another shape "
        "(8, by up to 100%) is cut to its middle"
    ]


@pytest.mark.parametrize("how", ["fit", "crop", "stretch"])
def test_folders_and_archives_are_resized_alike(tmp_path, images_of, how):
    images = images_of(4, (12, 30))
    for index, image in enumerate(images):
        write(tmp_path / "set" / "ab"[index // 2] / f"{index}.png", image)
    np.savez(tmp_path / "set.npz", images=images, labels=[0, 0, 1, 1])
    rules = ReadingRules(resize=how)
    expected = [resize_one(image, (16, 16), how) for image in images]
    for name in ("set", "set.npz"):
        np.testing.assert_array_equal(read(tmp_path / name, 16, rules).train.images, expected)
        test = read_for_evaluation(tmp_path / name, (16, 16), ("a", "b"), rules)
        np.testing.assert_array_equal(test.images, expected)


def test_image_size_wins(cells):
    assert read(cells, image_size=16).train.images.shape == (6, 16, 16, 3)


def test_hidden_files_are_ignored_without_a_word(cells, caplog):
    (cells / ".git").mkdir()
    (cells / ".DS_Store").touch()
    (cells / "a" / ".x.png").touch()
    assert len(read(cells).train) == 6
    assert not caplog.records


def test_other_files_are_counted_in_a_warning(cells, caplog):
    for name in ("notes.txt", "a/notes.TXT", "a/cell.xyz", "b/README"):
        (cells / name).touch()
    (cells / "a" / "deep.png").mkdir()
    assert len(read(cells).train) == 6
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "ignored 5" in record.message
    assert ".txt 2" in record.message
    assert "folders 1" in record.message


def test_empty_folder(tmp_path, refused):
    with refused("a folder of pictures for each class, got none"):
        read(tmp_path)


def test_pictures_without_class_folders(tmp_path, images_of, refused):
    for index, image in enumerate(images_of(3)):
        write(tmp_path / f"{index}.jpg", image)
    with refused("for each class, got 3 pictures outside of any"):
        read(tmp_path)


def test_one_class_folder(tmp_path, images_of, refused):
    write(tmp_path / "a" / "0.png", images_of(1)[0])
    with refused("at least two class folders, got only 'a'"):
        read(tmp_path)


def test_class_with_one_picture(cells, images_of, refused):
    (cells / "d").mkdir()
    write(cells / "d" / "0.png", images_of(1, seed=1)[0])
    with refused("at least 2 of each class, got 1 of 'd'"):
        read(cells)


def test_class_without_pictures(cells, refused):
    (cells / "d").mkdir()
    with refused(f"needs pictures in each class folder, got none in 'd': move {cells / 'd'} away"):
        read(cells)


def test_damaged_picture_is_named(cells, refused):
    path = cells / "b" / "2.png"
    path.write_bytes(path.read_bytes()[:-60])
    with refused(f"^{path}: cannot be read as a picture"):
        read(cells)


def test_too_many_bytes(cells, refused, monkeypatch):
    monkeypatch.setattr(rules, "MAX_BYTES", 6 * 12 * 10 * 3 - 1)
    with refused(r"would take 0 GiB"):
        read(cells)


def test_evaluation_gives_the_models_index(cells):
    test = read_for_evaluation(cells, (20, 16), ("c", "x", "b", "a"))
    assert test.images.shape == (6, 20, 16, 3)
    np.testing.assert_array_equal(test.labels, [3, 3, 2, 2, 0, 0])


def test_evaluation_with_numbers_for_names(tmp_path, images_of):
    write(tmp_path / "2" / "0.png", images_of(1)[0])
    assert read_for_evaluation(tmp_path, (12, 10), 3).labels.tolist() == [2]


def test_evaluation_takes_numbers_written_otherwise(tmp_path, images_of):
    for index, name in enumerate(("02", "10", "1")):
        write(tmp_path / name / "0.png", images_of(3)[index])
    test = read_for_evaluation(tmp_path, (12, 10), ("10", "2", "1"))
    expected = {0: 1, 1: 0, 2: 2}  # the class of each picture that was written
    for image, label in zip(test.images, test.labels, strict=True):
        written = [np.array_equal(image, one) for one in images_of(3)].index(True)
        assert label == expected[written]


def test_evaluation_refuses_unknown_classes(cells, refused):
    with refused("'c' is not a class of the model; Legal: a, b"):
        read_for_evaluation(cells, (12, 10), ("a", "b"))


def test_evaluation_needs_a_picture(tmp_path, refused):
    (tmp_path / "a").mkdir()
    with refused("at least one picture, got none"):
        read_for_evaluation(tmp_path, (12, 10), ("a", "b"))


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("line\nbreak", r"'line\\nbreak'"),
        ("\x1b[2J", r"'\\x1b\[2J'"),
        ("\u202ecod.exe", r"'\\u202ecod.exe'"),
        ("\udcff", r"'\\udcff'"),
        ("n" * 201, "'nnn"),
    ],
)
def test_class_names_that_no_screen_can_show_are_refused(cells, refused, name, got):
    (cells / "a").rename(cells / name)
    with refused(f"class names must not be empty, have at most 200 .* printable, got {got}"):
        read(cells)


def test_class_names_in_any_script_are_kept(cells):
    (cells / "a").rename(cells / "Zellkörper 細胞")
    assert "Zellkörper 細胞" in read(cells).class_names


def test_links_that_lead_round_in_circles_are_no_pictures(cells, caplog):
    (cells / "loop").symlink_to(cells / "loop")
    (cells / "a" / "loop.png").symlink_to(cells / "a" / "loop.png")
    (cells / "a" / "up").symlink_to(cells)
    assert len(read(cells).train) == 6
    assert "ignored 3" in caplog.text


def test_few_pictures_are_decoded_at_once_where_they_are_large(cells, monkeypatch):
    at_once = []
    original = pictures.ThreadPoolExecutor

    def pool(threads):
        at_once.append(threads)
        return original(threads)

    monkeypatch.setattr(pictures, "ThreadPoolExecutor", pool)
    monkeypatch.setattr(pictures, "_THREADS", 8)
    for most in (12 * 10 * 100, 12 * 10 * 3, 12 * 10):
        monkeypatch.setattr(pictures, "_PIXELS_AT_ONCE", most)
        read(cells)
    assert at_once == [8, 3, 1]


@pytest.fixture
def part_damaged(cells, images_of):
    """The cells, with four more of each class of which seven cannot be read, as named."""
    for index, image in enumerate(images_of(12, seed=5)):
        write(cells / "abc"[index // 4] / f"x{index}.png", image)
    names = ["a/x0.png", "a/x1.png", "a/x2.png", "b/x4.png", "b/x5.png", "c/x8.png", "c/x9.png"]
    for index, name in enumerate(names):
        data = (cells / name).read_bytes()
        (cells / name).write_bytes([b"", b"<html>", data[:-60]][index % 3])
    return names


def test_damaged_pictures_are_all_counted_and_named(cells, part_damaged, refused):
    named = ", ".join(part_damaged)
    with refused(rf"^{cells}: 7 of 18 pictures cannot be read \({named}\), .*--skip-damaged"):
        read(cells)


def test_many_damaged_pictures_are_counted(cells, part_damaged, refused, monkeypatch):
    monkeypatch.setattr(pictures, "_NAMED", 2)
    with refused(r"7 of 18 pictures cannot be read \(a/x0.png, a/x1.png and 5 more\)"):
        read(cells)


def test_damaged_pictures_can_be_left_out(cells, part_damaged, images_of, caplog):
    source = read(cells, rules=ReadingRules(skip_damaged=True))
    assert source.damaged == tuple(part_damaged)
    assert source.train.labels.tolist() == [0] * 3 + [1] * 4 + [2] * 4
    new, old = images_of(12, seed=5), images_of(6)
    expected = [*old[:2], new[3], *old[2:4], *new[6:8], *old[4:], *new[10:]]
    np.testing.assert_array_equal(source.train.images, expected)
    assert f"{cells}: left out 7 of 18 pictures, damaged" in caplog.text


def test_damaged_pictures_of_both_parts_can_be_left_out(cells, part_damaged, tmp_path_factory):
    path = tmp_path_factory.mktemp("parts")
    for part in ("train", "val"):
        shutil.copytree(cells, path / part)
    source = read(path, rules=ReadingRules(skip_damaged=True))
    assert source.train.class_counts(3) == source.val.class_counts(3) == (3, 4, 4)
    np.testing.assert_array_equal(source.train.images, source.val.images)
    assert len(source.damaged) == 14


def test_damaged_pictures_can_be_left_out_of_an_evaluation(cells, part_damaged):
    rules = ReadingRules(skip_damaged=True)
    test = read_for_evaluation(cells, (12, 10), ("c", "b", "a"), rules)
    assert test.labels.tolist() == [2] * 3 + [1] * 4 + [0] * 4


def test_a_class_that_is_too_small_without_its_damaged_pictures(cells, refused):
    (cells / "b" / "2.png").write_bytes(b"")
    with refused("without damaged pictures: images must have at least 2 of each class, got 1 of"):
        read(cells, rules=ReadingRules(skip_damaged=True))


def test_nothing_but_damaged_pictures(cells, refused):
    for path in cells.glob("*/*.png"):
        path.write_bytes(b"")
    with refused("6 of 6 pictures cannot be read"):
        read(cells, rules=ReadingRules(skip_damaged=True))


def test_a_picture_without_permission_is_not_damaged(cells, refused, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied", "2.png")

    monkeypatch.setattr(pictures.Path, "read_bytes", deny)
    with refused("2.png: cannot be read .permission denied"):
        read(cells, rules=ReadingRules(skip_damaged=True))


def test_pictures_of_a_12_bit_camera_are_as_bright_as_they_were(tmp_path, images_of, caplog):
    originals = images_of(4)
    for index, image in enumerate(originals):
        (tmp_path / "ab"[index % 2]).mkdir(exist_ok=True)
        deep = image[..., ::-1].astype(np.uint16) * 16
        cv2.imwrite(str(tmp_path / "ab"[index % 2] / f"{index}.png"), deep)
    source = read(tmp_path)
    np.testing.assert_array_equal(source.train.images, originals[[0, 2, 1, 3]])
    assert "4 pictures of 16 bits hold values up to 4080 only" in caplog.text
    test = read_for_evaluation(tmp_path, (12, 10), ("a", "b"))
    np.testing.assert_array_equal(test.images, source.train.images)


def test_darker_pictures_of_the_camera_are_as_dark_in_an_evaluation(tmp_path, images_of):
    image = images_of(1)[0] // 8
    for number in range(2):
        (tmp_path / "a").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "a" / f"{number}.png"), image.astype(np.uint16) * 16)
    for bits, brighter in ((12, 1), (None, 8)):  # of 512 values, 10 bits are taken by themselves
        test = read_for_evaluation(tmp_path, (12, 10), ("a", "b"), ReadingRules(bits=bits))
        expected = image[..., ::-1].astype(int) * min(brighter, 4)
        np.testing.assert_array_equal(test.images[1], expected)


def test_a_data_set_knows_the_bits_of_its_deep_files(tmp_path, images_of):
    for index, image in enumerate(images_of(24)):
        (tmp_path / "ab"[index % 2]).mkdir(exist_ok=True)
        path = tmp_path / "ab"[index % 2] / f"{index}.png"
        cv2.imwrite(str(path), image.astype(np.uint16) << 6)
    assert load(tmp_path, None, 0).bits == 14
    cv2.imwrite(str(path), images_of(1)[0])
    assert load(tmp_path, None, 0).bits == 14
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    for index, image in enumerate(images_of(24)):
        (tmp_path / "ab"[index % 2]).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "ab"[index % 2] / f"{index}.png"), image)
    assert load(tmp_path, None, 0).bits is None
