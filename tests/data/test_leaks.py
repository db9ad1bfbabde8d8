"""No picture is on both sides of a split, not even nearly."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.data.cleaning import clean, content_digests
from bcauto.data.dataset import load
from bcauto.data.labelled import ImageSet, Labelled
from bcauto.data.leaks import split_without_leaks, train_without_leaks, without_near_duplicates_of
from bcauto.data.near_duplicates.pairs import near_duplicates
from bcauto.data.resize import resize_all
from bcauto.data.split import validation_groups
from bcauto.data.synthetic.cells import cell_picture

NAMES = ("a", "b", "c")


def darker(image, _):
    return (image * 0.9).astype(np.uint8)


def noisy(image, rng):
    return (image + rng.normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8)


def shifted(image, _):
    return np.pad(image, ((1, 0), (0, 1), (0, 0)), "edge")[:-1, 1:]


def turned(image, _):
    return np.rot90(image).copy()


CHANGES = (darker, noisy, shifted, turned)


def painted(count, side=32):
    """Different cells, lymphocytes to neutrophils in turn."""
    cells = np.stack([cell_picture(9, index, 4 + index % 3) for index in range(count)])
    return resize_all(cells, (side, side))


POOL = painted(45)
LABELS = np.arange(45) % 3


@st.composite
def with_copies(draw):
    """The pool with changed copies of some among them, shuffled: images, labels and origins."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    planted = draw(st.lists(st.tuples(st.integers(0, 44), st.sampled_from(CHANGES)), max_size=12))
    images = [*POOL, *(change(POOL[origin], rng) for origin, change in planted)]
    origins = np.array([*range(45), *(origin for origin, _ in planted)])
    labels = LABELS[origins]
    if draw(st.booleans()):  # some copies under another label
        labels[45:] = rng.integers(0, 3, len(planted))
    order = rng.permutation(len(images))
    whole = Labelled(np.stack(images)[order], labels[order].astype(np.int64))
    digests = content_digests(whole.images)
    once = np.sort(np.unique(np.array([d.hex() for d in digests]), return_index=True)[1])
    return whole.take(once), origins[order][once]


def origin_of(image, whole, origins):
    return int(origins[(whole.images == image).all((1, 2, 3)).argmax()])


@settings(max_examples=25, deadline=None)
@given(data=with_copies(), seed=st.integers(0, 2**63 - 1))
def test_the_split_never_parts_near_duplicates(data, seed):
    whole, origins = data
    train, val, joined = split_without_leaks(whole, NAMES, seed)
    on_side = [{origin_of(image, whole, origins) for image in p.images} for p in (train, val)]
    assert not on_side[0] & on_side[1]
    assert near_duplicates(train.images, val.images) == []
    assert set(train.labels) == set(val.labels) == {0, 1, 2}
    both = [image.tobytes() for part in (train, val) for image in part.images]
    assert sorted(both) == sorted(image.tobytes() for image in whole.images)
    assert joined == len(val) - len(on_side[1])


@settings(max_examples=10, deadline=None)
@given(data=with_copies(), seed=st.integers(0, 2**63 - 1))
def test_same_seed_same_sides(data, seed):
    whole, _ = data
    first, again = (split_without_leaks(whole, NAMES, seed) for _ in range(2))
    for one, other in zip(first[:2], again[:2], strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert first[2] == again[2]


def test_different_pictures_are_split_as_ever():
    whole = Labelled(POOL, LABELS)
    train, val, joined = split_without_leaks(whole, NAMES, 3)
    expected = validation_groups(LABELS, np.arange(45), 0.1, 3)
    np.testing.assert_array_equal(train.images, POOL[~expected])
    np.testing.assert_array_equal(val.images, POOL[expected])
    assert joined == 0


def test_what_joins_brings_its_own_near_duplicates():
    """A row of pictures, each shifted against the last: its ends are no near duplicates."""
    wide = np.pad(POOL[0], ((0, 0), (8, 8), (0, 0)), "wrap")
    row = np.stack([wide[:, at : at + 32] for at in range(0, 6, 2)])
    assert not near_duplicates(row[:1], row[2:])
    labels = np.append(np.zeros(3 + 38, int), np.arange(6) % 2 + 1)
    whole = Labelled(np.concatenate([row, POOL[1:]]), labels)
    together = 0
    for seed in range(30):
        train, val, joined = split_without_leaks(whole, NAMES, seed)
        here, there = ({image.tobytes() for image in part.images} for part in (train, val))
        rows = {image.tobytes() for image in row}
        assert rows <= here or rows <= there
        together += rows <= there
        assert bool(joined) == (rows <= there)
    assert 0 < together < 30


def test_a_near_duplicate_under_another_label_joins_too():
    images = np.concatenate([POOL, darker(POOL, None)])
    labels = np.concatenate([LABELS, (LABELS + 1) % 3])
    train, val, joined = split_without_leaks(Labelled(images, labels), NAMES, 0)
    assert joined > 0
    assert len(train) + len(val) == 90
    places = {image.tobytes(): at % 45 for at, image in enumerate(images)}
    here, there = ({places[image.tobytes()] for image in p.images} for p in (train, val))
    assert not here & there


def test_a_class_of_near_duplicates_is_refused(refused):
    rng = np.random.default_rng(0)
    copies = np.stack([noisy(POOL[2], rng) for _ in range(12)])
    images = np.concatenate([POOL[LABELS < 2], copies])
    labels = np.concatenate([LABELS[LABELS < 2], np.full(12, 2)])
    with refused("no near duplicates of each other, .* got one of 'c': give more images of it"):
        split_without_leaks(Labelled(images, labels), NAMES, 0)


def test_a_data_set_of_one_picture_is_refused(refused):
    rng = np.random.default_rng(0)
    copies = np.stack([noisy(POOL[2], rng) for _ in range(24)])
    with refused("got one of 'a'"):
        split_without_leaks(Labelled(copies, np.arange(24) % 3), NAMES, 0)


# --- validation images that the data brings ----------------------------------------------------


def given_split(planted, equal=0):
    """A data set of 30 to train on and 15 to validate, and copies of these among the former."""
    copies = darker(POOL[30 : 30 + planted], None)
    train = np.concatenate([POOL[:equal], POOL[:30], copies])
    labels = np.concatenate([LABELS[:equal], LABELS[:30], LABELS[30 : 30 + planted]])
    as_read = ImageSet(Labelled(train, labels), Labelled(POOL[30:], LABELS[30:]), NAMES)
    return clean(as_read)[0], as_read


def test_leaks_are_refused_by_their_indices_in_the_file(refused):
    image_set, as_read = given_split(2, equal=3)
    assert len(image_set.train) == len(as_read.train) - 3
    line = (
        "cells.npz: no training image may be a near duplicate of a validation image, got 2 pairs "
        "(train 33 and val 0, train 34 and val 1): mend the file, or give --leaks drop to leave "
        "these training images out"
    )
    with refused(f"^{re.escape(line)}$"):
        train_without_leaks(image_set, as_read, "refuse", "cells.npz")


def test_a_refusal_names_no_more_than_five(refused):
    with refused(r"got 9 pairs \((train \d+ and val \d, ){5}\.\.\.\): mend"):
        train_without_leaks(*given_split(9), "refuse", "cells.npz")
    with refused(r"got 1 pair \(train 30 and val 0\): mend"):
        train_without_leaks(*given_split(1), "refuse", "cells.npz")
    with refused(r"got 5 pairs \((train \d+ and val \d, ){4}train 34 and val 4\): mend"):
        train_without_leaks(*given_split(5), "refuse", "cells.npz")


def test_dropped_leaks_leave_train():
    image_set, as_read = given_split(4)
    train, dropped = train_without_leaks(image_set, as_read, "drop", "cells.npz")
    assert dropped == 4
    np.testing.assert_array_equal(train.images, POOL[:30])
    np.testing.assert_array_equal(train.labels, LABELS[:30])


@pytest.mark.parametrize("leaks", ["refuse", "drop"])
def test_without_leaks_nothing_is_copied(leaks):
    image_set, as_read = given_split(0)
    assert train_without_leaks(image_set, as_read, leaks, "cells.npz") == (image_set.train, 0)


def test_dropping_all_of_a_class_is_refused(refused):
    image_set = given_split(15)[0]
    kept = np.append(np.flatnonzero(image_set.train.labels[:30] != 1), range(30, 45))
    alone = ImageSet(image_set.train.take(kept), image_set.val, NAMES)
    with refused(
        "^cells.npz: after near duplicates of images to score on were left out: "
        "train must have at least 1 of each class, got 0 of 'b'"
    ):
        train_without_leaks(alone, alone, "drop", "cells.npz")


def test_load_keeps_the_sides_apart(tmp_path, refused):
    _, as_read = given_split(3)
    np.savez(
        tmp_path / "a.npz",
        train_images=as_read.train.images,
        train_labels=as_read.train.labels,
        val_images=as_read.val.images,
        val_labels=as_read.val.labels,
    )
    with refused(r"a\.npz: no training image may be .* got 3 pairs"):
        load(tmp_path / "a.npz", None, 0)
    data = load(tmp_path / "a.npz", None, 0, leaks="drop")
    assert (len(data.train), len(data.val), data.cleaning.leaked) == (30, 15, 3)
    assert data.cleaning.kept == 45
    assert data.cleaning.summary() == (
        "read 48 images, kept 45: dropped 3 near duplicates of images to score on"
    )


def test_load_counts_what_joined_validation(tmp_path):
    images = np.concatenate([POOL, darker(POOL, None)])
    np.savez(tmp_path / "a.npz", images=images, labels=np.concatenate([LABELS, LABELS]))
    data = load(tmp_path / "a.npz", None, 0)
    assert len(data.train) + len(data.val) == data.cleaning.kept == 90
    assert 8 <= len(data.val) <= 10  # four or five pictures, and a darker copy of each
    assert data.cleaning.joined == len(data.val) / 2
    assert data.cleaning.summary().endswith(
        f"no intruders; {data.cleaning.joined} near duplicates kept together, in validation"
    )


def test_copies_of_other_images_are_named_or_left_out(refused):
    train = Labelled(POOL[:40], LABELS[:40])
    others = np.stack([POOL[41], darker(POOL[:40], None)[7], POOL[3], POOL[3]])
    with refused(
        "^hidden.npz: no image to score on may be a near duplicate of a training image, "
        r"got 3 \(numbers 1, 2, 3\): mend the file, or give --leaks drop"
    ):
        without_near_duplicates_of(others, train, NAMES, "refuse", "hidden.npz")
    left, dropped = without_near_duplicates_of(others, train, NAMES, "drop", "hidden.npz")
    assert dropped == 2
    kept = [index for index in range(40) if index not in (3, 7)]
    np.testing.assert_array_equal(left.images, POOL[kept])
    np.testing.assert_array_equal(left.labels, LABELS[kept])


def test_others_that_are_no_copies_leave_training_alone():
    train = Labelled(POOL[:40], LABELS[:40])
    for leaks in ("refuse", "drop"):
        assert without_near_duplicates_of(POOL[40:], train, NAMES, leaks, "hidden.npz") == (
            train,
            0,
        )
