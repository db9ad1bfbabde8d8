from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.data.cleaning import MANY_COPIES, Cleaning, clean
from bcauto.data.labelled import ImageSet, Labelled
from bcauto.data.reading import read


def picture(number):
    """An 8 x 8 image that is the same for the same number only."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[0, 0, 0] = number
    return image


def part(*pairs):
    """Images and labels of (picture number, label) pairs."""
    numbers, labels = zip(*pairs, strict=True)
    return Labelled(np.stack([picture(n) for n in numbers]), np.array(labels, np.int64))


def numbers(labelled):
    return labelled.images[:, 0, 0, 0].tolist()


BASE = [(100, 0), (101, 0), (102, 1), (103, 1)]


def cleaned(train, val=None):
    return clean(ImageSet(part(*train), None if val is None else part(*val), ("a", "b")))


def test_first_of_equal_images_stays():
    source, report = cleaned([(1, 0), (2, 1), (1, 0), *BASE, (2, 1), (1, 0)])
    assert numbers(source.train) == [1, 2, 100, 101, 102, 103]
    assert report == Cleaning(read=9, duplicates=3, intruders=0, intruder_copies=0)


def test_picture_under_two_labels_goes_whole():
    source, report = cleaned([(1, 0), *BASE, (1, 1), (1, 0)])
    assert numbers(source.train) == [100, 101, 102, 103]
    assert report == Cleaning(read=7, duplicates=0, intruders=1, intruder_copies=3)


@pytest.mark.parametrize(("copies", "stays"), [(MANY_COPIES - 1, 1), (MANY_COPIES, 0)])
def test_picture_repeated_many_times_goes_whole(copies, stays):
    source, report = cleaned([*BASE, *[(1, 0)] * copies])
    assert numbers(source.train).count(1) == stays
    assert report.kept == 4 + stays
    assert report.intruders == 1 - stays


@pytest.mark.parametrize("copies", [9, 10, 15, 40])
def test_a_class_that_was_oversampled_by_copies_keeps_one_of_each(copies):
    rare = [(number, 0) for number in range(6) for _ in range(copies)]
    source, report = cleaned([*rare, (100, 1), (101, 1), (102, 1)])
    assert numbers(source.train) == [*range(6), 100, 101, 102]
    assert report == Cleaning(9 + 6 * (copies - 1), 6 * (copies - 1), 0, 0)


def test_in_an_oversampled_class_an_intruder_has_ten_times_as_many_copies():
    rare = [(number, 0) for number in range(6) for _ in range(3)]
    for copies, intruders in ((29, 0), (30, 1)):
        _, report = cleaned([*rare, *[(7, 0)] * copies, (100, 1), (101, 1)])
        assert report.intruders == intruders


def test_image_in_train_and_val_leaves_train():
    source, report = cleaned([(1, 0), (1, 0), *BASE], [(5, 1), (1, 0), (5, 1)])
    assert numbers(source.train) == [100, 101, 102, 103]
    assert numbers(source.val) == [5, 1]
    assert report == Cleaning(read=9, duplicates=3, intruders=0, intruder_copies=0)


def test_intruders_are_looked_for_in_both_parts_together():
    source, report = cleaned(
        [*BASE, (1, 0), *[(2, 0)] * (MANY_COPIES - 1)], [(1, 1), (3, 0), (4, 1), (2, 0)]
    )
    assert numbers(source.train) == [100, 101, 102, 103]
    assert numbers(source.val) == [3, 4]
    assert report.intruders == 2


def test_clean_data_is_not_copied():
    source, report = cleaned(BASE, [(1, 0), (2, 1)])
    again, _ = clean(source)
    assert again.train is source.train
    assert again.val is source.val
    assert report.summary() == "read 6 images, kept all: no duplicates, no intruders"


def test_summary_leaves_out_what_did_not_occur():
    assert cleaned([*BASE, (100, 0), (100, 0)])[1].summary() == (
        "read 6 images, kept 4: dropped 2 exact duplicates"
    )


def test_summary_and_dict_tell_what_was_dropped():
    _, report = cleaned([(1, 0), (1, 0), *BASE, *[(2, 0)] * 12])
    assert report.summary() == (
        "read 18 images, kept 5: dropped 1 exact duplicate and 12 copies of 1 intruder picture"
    )
    assert report.as_dict() == {
        "read": 18,
        "kept": 5,
        "duplicates": 1,
        "intruders": 1,
        "intruder_copies": 12,
        "leaked": 0,
        "joined": 0,
    }


def test_summary_and_dict_tell_what_was_done_against_leaks():
    report = Cleaning(read=20, duplicates=2, intruders=1, intruder_copies=3, leaked=1)
    assert report.kept == report.as_dict()["kept"] == 14
    assert report.summary() == (
        "read 20 images, kept 14: dropped 2 exact duplicates, 3 copies of 1 intruder picture "
        "and 1 near duplicate of images to score on"
    )
    report = Cleaning(read=20, duplicates=0, intruders=0, intruder_copies=0, joined=2)
    assert report.as_dict() | {"joined": 2, "leaked": 0, "kept": 20} == report.as_dict()
    assert report.summary() == (
        "read 20 images, kept all: no duplicates, no intruders; "
        "2 near duplicates kept together, in validation"
    )


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [
        ([(1, 0), (1, 0), (2, 1), (3, 1)], None, "images must have at least 2 .* got 1 of 'a'"),
        ([(1, 0), (1, 1), (2, 0), (2, 1)], None, "images must have at least 2 .* got 0 of 'a'"),
        ([(1, 0), (2, 1)], [(1, 0), (3, 1)], "train must have at least 1 .* got 0 of 'a'"),
        ([(1, 0), (2, 1), (3, 1)], [(4, 0), (1, 1)], "train must have at least 1"),
    ],
)
def test_class_that_cleaning_makes_too_small(refused, train, val, message):
    with refused(f"^after cleaning dropped duplicates and intruders: {message}"):
        cleaned(train, val)


pairs = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0, 0, 0, 1])), min_size=1)


@given(train=pairs, val=st.none() | pairs)
def test_against_an_independent_definition(train, val):
    train = [*train, *BASE]
    val = None if val is None else [*val, (104, 0), (105, 1)]
    both = train + (val or [])
    copies = Counter(picture(n).tobytes() for n, _ in both)
    of_label = {label: sorted({n for n, of in both if of == label}) for _, label in both}
    bad = {*of_label[0]} & {*of_label[1]}
    for shown in of_label.values():
        counts = [copies[picture(n).tobytes()] for n in shown]
        usual = sorted(counts)[(len(counts) - 1) // 2]  # the lower median
        bad |= {n for n, count in zip(shown, counts, strict=True) if count >= 10 * usual}
    in_val = list(dict.fromkeys(n for n, _ in val or [] if n not in bad))
    in_train = [n for n in dict.fromkeys(n for n, _ in train) if n not in bad | {*in_val}]

    source, report = cleaned(train, val)

    assert numbers(source.train) == in_train
    assert ([] if val is None else numbers(source.val)) == in_val
    assert report.read == len(both)
    assert report.kept == len(in_train) + len(in_val)
    assert report.intruders == len(bad)
    assert report.intruder_copies == sum(n in bad for n, _ in both)


@given(train=pairs)
def test_cleaning_twice_is_cleaning_once(train):
    source, _ = cleaned([*train, *BASE])
    _, report = clean(source)
    assert report.kept == report.read


def test_real_cells(real_cells_96):
    """The file holds 3,600 cells, but cells 3092 and 3381 are one picture: 3,599 are distinct."""
    source = read(real_cells_96)
    cells, report = clean(source)
    assert report == Cleaning(read=4148, duplicates=9, intruders=2, intruder_copies=540)
    copies = Counter(image.tobytes() for image in source.train.images)
    assert sorted(copies.values(), reverse=True)[:3] == [480, 60, 2]
    once = [i for i, image in enumerate(source.train.images[:3600]) if i != 3381]
    assert np.array_equal(source.train.images[3092], source.train.images[3381])
    assert np.array_equal(cells.train.images, source.train.images[once])
    assert np.array_equal(cells.train.labels, source.train.labels[once])


def test_duplicates_across_real_train_and_val_leave_train(real_cells_28):
    source = read(real_cells_28)
    cells, report = clean(source)
    before, val = ({image.tobytes() for image in part.images} for part in source.parts)
    after = {image.tobytes() for image in cells.train.images}
    assert len(before & val) == 5
    assert after == before - val
    assert len(cells.train) == len(after)
    assert len(cells.val) == len(source.val) == 2564
    assert report == Cleaning(read=14524, duplicates=13, intruders=0, intruder_copies=0)
