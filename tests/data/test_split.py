from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.data.split import nearest_to_fraction, stratified_split

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


@given(data=grouped_labels(), fraction=fractions, seed=seeds)
def test_split_is_a_partition_that_parts_no_group(data, fraction, seed):
    labels, groups = data
    train, val = stratified_split(labels, groups, fraction, seed)
    assert sorted([*train, *val]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(val) > 0).all()
    assert not {groups[i] for i in train} & {groups[i] for i in val}
    assert set(labels[train]) == set(labels[val]) == set(labels)


@given(data=grouped_labels(largest=1), fraction=fractions, seed=seeds)
def test_classes_keep_their_proportions_within_one_image(data, fraction, seed):
    labels, groups = data
    _, val = stratified_split(labels, groups, fraction, seed)
    for label, count in Counter(labels.tolist()).items():
        assert abs((labels[val] == label).sum() - fraction * count) <= 1


@given(data=grouped_labels(), fraction=fractions, seed=seeds)
def test_classes_keep_their_proportions_within_one_group(data, fraction, seed):
    labels, groups = data
    _, val = stratified_split(labels, groups, fraction, seed)
    largest = max(Counter(groups).values())
    for label, count in Counter(labels.tolist()).items():
        assert abs((labels[val] == label).sum() - fraction * count) <= largest


@given(data=grouped_labels(), seed=seeds)
def test_same_seed_same_split(data, seed):
    labels, groups = data
    first = stratified_split(labels, groups, 0.3, seed)
    again = stratified_split(labels, groups, 0.3, seed)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_seed_other_split():
    labels = np.arange(400) % 4
    splits = {tuple(stratified_split(labels, range(400), 0.1, seed)[1]) for seed in range(20)}
    assert len(splits) == 20


def test_split_does_not_change_between_versions():
    _, val = stratified_split(np.arange(40) % 2, range(40), 0.1, seed=0)
    assert val.tolist() == [22, 32, 33, 35]


def test_a_class_is_sampled_whatever_the_others_are():
    labels = np.array([0] * 30 + [1] * 30)
    _, val = stratified_split(labels, range(60), 0.2, seed=3)
    _, fewer = stratified_split(labels[:40], range(40), 0.2, seed=3)
    assert val[val < 30].tolist() == fewer[fewer < 30].tolist()


@pytest.mark.parametrize(
    ("labels", "groups", "fraction", "message"),
    [
        ([0, 0, 1, 1], "abcd", 0.0, "between 0 and 1, got 0.0"),
        ([0, 0, 1, 1], "abcd", 1.0, "between 0 and 1, got 1.0"),
        ([0, 0, 1, 1], "abcd", float("nan"), "between 0 and 1, got nan"),
        ([0, 0, 1, 1], "abac", 0.5, r"equal images must have one label, got labels \[0, 1\]"),
        ([0, 0, 1, 1], "abcc", 0.5, "two different images to be split, class 1 has one"),
    ],
)
def test_bad_splits_are_refused(refused, labels, groups, fraction, message):
    with refused(message):
        stratified_split(np.array(labels), groups, fraction, seed=0)


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


@settings(max_examples=300)
@given(data=whole_groups(), seed=st.integers(0, 2**32))
def test_whole_groups_come_as_close_to_a_tenth_as_their_sizes_allow(data, seed):
    labels, groups = data
    chosen = nearest_to_fraction(labels, groups, 0.1, np.random.default_rng(seed))
    assert len(set(chosen)) == len(chosen)
    val = np.concatenate([groups[at] for at in chosen])
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
    val = nearest_to_fraction(labels, parts, 0.1, np.random.default_rng(seed))
    share = sum(parts[at].size for at in val) / len(labels)
    if len(labels) >= 100 * len(np.unique(labels)):
        assert 0.08 <= share <= 0.12


def test_groups_of_several_labels_are_taken_whole():
    labels = np.array([0, 1] * 50 + [2] * 20)
    groups = [np.array([at, at + 1]) for at in range(0, 100, 2)]
    groups += [np.array([at]) for at in range(100, 120)]
    chosen = nearest_to_fraction(labels, groups, 0.1, np.random.default_rng(0))
    val = labels[np.concatenate([groups[at] for at in chosen])]
    assert np.bincount(val).tolist() == [5, 5, 2]


def test_nothing_is_taken_of_a_class_that_is_one_group():
    labels = np.array([0] * 12 + [1] * 5)
    groups = [np.array([at]) for at in range(12)] + [np.arange(12, 17)]
    chosen = nearest_to_fraction(labels, groups, 0.1, np.random.default_rng(0))
    assert {int(labels[groups[at][0]]) for at in chosen} == {0}
