from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from bcauto.data.split import validation_groups

seeds = st.integers(0, 2**63 - 1)
fractions = st.floats(0.01, 0.99)


@st.composite
def grouped_labels(draw, largest=4):
    """Labels of 2 to 5 classes and groups of 1 to ``largest`` images, shuffled."""
    classes = draw(st.integers(2, 5))
    sizes = [draw(st.lists(st.integers(1, largest), min_size=2)) for _ in range(classes)]
    images = [
        (label, f"{label}-{group}")
        for label, of_class in enumerate(sizes)
        for group, size in enumerate(of_class)
        for _ in range(size)
    ]
    labels, groups = zip(*draw(st.permutations(images)), strict=True)
    return np.array(labels, np.int64), groups


def sides(labels, groups, fraction, seed):
    """Indices of the images to train on and to validate on."""
    numbers = np.unique(np.array([str(group) for group in groups]), return_inverse=True)[1]
    in_val = validation_groups(labels, numbers, fraction, seed)
    return np.flatnonzero(~in_val), np.flatnonzero(in_val)


@given(data=grouped_labels(), fraction=fractions, seed=seeds)
def test_split_is_a_partition_that_parts_no_group(data, fraction, seed):
    labels, groups = data
    train, val = sides(labels, groups, fraction, seed)
    assert sorted([*train, *val]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(val) > 0).all()
    assert not {groups[i] for i in train} & {groups[i] for i in val}
    assert set(labels[train]) == set(labels[val]) == set(labels)


@given(data=grouped_labels(largest=1), fraction=fractions, seed=seeds)
def test_classes_keep_their_proportions_within_one_image(data, fraction, seed):
    labels, groups = data
    _, val = sides(labels, groups, fraction, seed)
    for label, count in Counter(labels.tolist()).items():
        assert abs((labels[val] == label).sum() - fraction * count) <= 1


@given(data=grouped_labels(), fraction=fractions, seed=seeds)
def test_classes_keep_their_proportions_within_one_group(data, fraction, seed):
    labels, groups = data
    _, val = sides(labels, groups, fraction, seed)
    largest = max(Counter(groups).values())
    for label, count in Counter(labels.tolist()).items():
        assert abs((labels[val] == label).sum() - fraction * count) <= largest


@given(data=grouped_labels(), seed=seeds)
def test_same_seed_same_split(data, seed):
    labels, groups = data
    first = sides(labels, groups, 0.3, seed)
    again = sides(labels, groups, 0.3, seed)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_seed_other_split():
    labels = np.arange(400) % 4
    splits = {tuple(sides(labels, range(400), 0.1, seed)[1]) for seed in range(20)}
    assert len(splits) == 20


def test_split_does_not_change_between_versions():
    _, val = sides(np.arange(40) % 2, range(40), 0.1, seed=0)
    assert val.tolist() == [22, 32, 33, 35]


def test_a_class_is_sampled_whatever_the_others_are():
    labels = np.array([0] * 30 + [1] * 30)
    _, val = sides(labels, range(60), 0.2, seed=3)
    _, fewer = sides(labels[:40], range(40), 0.2, seed=3)
    assert val[val < 30].tolist() == fewer[fewer < 30].tolist()


@pytest.mark.parametrize("fraction", [0.0, 1.0, float("nan")])
def test_bad_fractions_are_refused(refused, fraction):
    with refused(f"between 0 and 1, got {fraction}"):
        sides(np.array([0, 0, 1, 1]), "abcd", fraction, seed=0)


@given(data=grouped_labels(), seed=seeds)
def test_numbers_of_groups_are_only_names(data, seed):
    labels, groups = data
    again = [f"x{group}"[::-1] for group in groups]
    np.testing.assert_array_equal(
        sides(labels, groups, 0.1, seed)[1], sides(labels, again, 0.1, seed)[1]
    )


@st.composite
def whole_groups(draw):
    """Labels of 2 to 5 classes, and groups of 1 to 40 images of one class; two at least of each."""
    sizes = [
        draw(st.lists(st.integers(1, 40), min_size=2, max_size=60))
        for _ in range(draw(st.integers(2, 5)))
    ]
    labels = np.repeat(np.arange(len(sizes)), [sum(of_class) for of_class in sizes])
    ends = np.cumsum([size for of_class in sizes for size in of_class])
    return labels, np.split(np.arange(len(labels)), ends[:-1])


def chosen(labels, groups, seed):
    """Return which of the groups, lists of indices, validate; each is taken whole."""
    numbers = np.empty(len(labels), int)
    for number, group in enumerate(groups):
        numbers[group] = number
    in_val = validation_groups(labels, numbers, 0.1, seed)
    found = np.unique(numbers[in_val]).tolist()
    assert not set(found) & set(numbers[~in_val].tolist())
    return found


@settings(max_examples=300)
@given(data=whole_groups(), seed=st.integers(0, 2**32))
def test_whole_groups_come_as_close_to_a_tenth_as_their_sizes_allow(data, seed):
    labels, groups = data
    val = np.concatenate([groups[at] for at in chosen(labels, groups, seed)])
    for label in np.unique(labels):
        count = (labels == label).sum()
        of_class = [group.size for group in groups if labels[group[0]] == label]
        taken = (labels[val] == label).sum()
        assert 0 < taken < count
        smallest = taken == min(of_class)  # where no group is small enough, at least one is taken
        assert smallest or abs(taken - 0.1 * count) <= max(of_class) / 2 + 1e-9


@given(data=whole_groups(), seed=st.integers(0, 2**32))
def test_small_groups_come_within_two_hundredths_of_a_tenth(data, seed):
    labels, groups = data
    parts = [part for group in groups for part in np.array_split(group, max(1, group.size // 2))]
    val = chosen(labels, parts, seed)
    share = sum(parts[at].size for at in val) / len(labels)
    if len(labels) >= 40 * len(np.unique(labels)):
        assert 0.08 <= share <= 0.12


def test_groups_of_several_labels_are_taken_whole():
    labels = np.array([0, 1] * 50 + [2] * 20)
    groups = [np.array([at, at + 1]) for at in range(0, 100, 2)]
    groups += [np.array([at]) for at in range(100, 120)]
    val = labels[np.concatenate([groups[at] for at in chosen(labels, groups, 0)])]
    assert np.bincount(val).tolist() == [5, 5, 2]


def test_nothing_is_taken_of_a_class_that_is_one_group():
    labels = np.array([0] * 12 + [1] * 5)
    groups = [np.array([at]) for at in range(12)] + [np.arange(12, 17)]
    assert {int(labels[groups[at][0]]) for at in chosen(labels, groups, 0)} == {0}


@pytest.mark.parametrize("size", [14, 15, 16, 24, 26])
def test_many_small_classes_are_not_all_rounded_the_same_way(size):
    labels = np.repeat(np.arange(40), size)
    in_val = validation_groups(labels, np.arange(labels.size), 0.1, seed=1)
    assert 0.08 <= in_val.mean() <= 0.12
    of_class = np.bincount(labels[in_val])
    assert set(of_class.tolist()) <= {size // 10, size // 10 + 1} - {0}


def test_one_large_class_does_not_pay_for_many_small_ones():
    labels = np.repeat(np.arange(101), [500, *[2] * 100])
    in_val = validation_groups(labels, np.arange(labels.size), 0.1, seed=1)
    of_class = np.bincount(labels[in_val])
    assert of_class[1:].tolist() == [1] * 100
    assert 40 <= of_class[0] <= 50


def test_groups_are_exchanged_where_random_order_misses_the_share():
    """Of 27, 9 and 4 times 16 images only 9 come near a tenth of a hundred."""
    labels = np.append(np.zeros(100, int), np.ones(100, int))
    groups = np.repeat(np.arange(106), [27, 9, 16, 16, 16, 16, *[1] * 100])
    for seed in range(10):
        in_val = validation_groups(labels, groups, 0.1, seed)
        assert set(groups[in_val & (labels == 0)].tolist()) == {1}


@settings(max_examples=30)
@given(data=whole_groups(), seed=st.integers(0, 2**32 - 1))
def test_no_fold_of_scikit_learn_comes_closer(data, seed):
    labels, groups = data
    numbers = np.repeat(np.arange(len(groups)), [group.size for group in groups])
    count = np.bincount(labels)

    def distance(val):
        """How many images too many or too few validate, beyond 0.02 of a class."""
        off = np.abs(np.bincount(labels[val], minlength=count.size) - 0.1 * count)
        return np.maximum(off - 0.02 * count, 0).sum()

    folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes of fewer images than folds
        try:
            theirs = [val for _, val in folds.split(labels, labels, numbers)]
        except ValueError:  # all classes have fewer
            return
    complete = [val for val in theirs if np.unique(labels[val]).size == count.size]
    ours = distance(np.flatnonzero(validation_groups(labels, numbers, 0.1, seed)))
    assert all(ours <= distance(val) + count.size for val in complete)
