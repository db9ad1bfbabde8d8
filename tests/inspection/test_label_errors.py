"""Confident learning against its definition, counted by hand."""

import numpy as np
import pytest

from bcauto.inspection.label_errors import confident_errors, find_label_errors


def test_a_row_is_listed_where_another_class_is_confident():
    probabilities = np.array([
        [0.9, 0.1],
        [0.7, 0.3],
        [0.2, 0.8],  # labelled 0
        [0.3, 0.7],
        [0.1, 0.9],
    ])  # fmt: skip
    labels = np.array([0, 0, 0, 1, 1])
    # thresholds: class 0 mean(.9, .7, .2) = .6; class 1 mean(.7, .9) = .8
    assert confident_errors(probabilities, labels) == [(2, 1)]


def test_no_class_need_be_confident():
    probabilities = np.array([[0.8, 0.2], [0.45, 0.55], [0.3, 0.7]])
    labels = np.array([0, 0, 1])
    # thresholds .625 and .7: the second row reaches neither
    assert confident_errors(probabilities, labels) == []


def test_the_largest_gap_comes_first():
    probabilities = np.array([
        [0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6],
    ])  # fmt: skip
    labels = np.array([0, 0, 0, 1, 1])
    # thresholds: 1.3 / 3 and 0.7
    assert confident_errors(probabilities, labels) == [(2, 1), (1, 1)]


def test_flipped_labels_are_found_where_classes_are_apart():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    features = np.eye(3)[labels] * 6 + rng.normal(0, 1, (300, 3))
    flipped = rng.permutation(300)[:15]
    given = labels.copy()
    given[flipped] = (labels[flipped] + 1) % 3
    found = find_label_errors(features.astype("f4"), given, np.arange(300), 0)
    listed = {each.number for each in found.errors}
    assert len(listed & {*flipped.tolist()}) >= 14
    assert len(listed) <= 17
    suggested = {each.number: each.suggested for each in found.errors}
    assert all(suggested[at] == labels[at] for at in listed & {*flipped.tolist()})


def test_only_the_pictures_asked_for_are_listed():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    features = labels[:, None] * 6 + rng.normal(0, 1, (60, 2))
    given = labels.copy()
    given[[4, 5]] = 1 - given[[4, 5]]
    among = np.arange(60)[np.arange(60) != 4]
    found = find_label_errors(features.astype("f4"), given, among, 0)
    assert [each.number for each in found.errors] == [5]
    assert found.accuracy == pytest.approx(58 / 59, abs=0.04)


def test_a_class_of_one_picture_gives_no_list():
    found = find_label_errors(np.eye(4, dtype="f4"), np.array([0, 0, 0, 1]), np.arange(4), 0)
    assert found.errors == ()
    assert found.reason == "every class needs two pictures that are no copies"
