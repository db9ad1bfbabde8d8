from __future__ import annotations

import numpy as np
import pytest

from bcauto.data.class_names import match_labels, match_names, warn_of_missing


@pytest.mark.parametrize(
    ("theirs", "names", "expected"),
    [
        (["b", "a"], ["a", "b", "c"], [1, 0]),
        (["10", "9"], ["9", "10"], [1, 0]),
        (["010", "9"], ["09", "10"], [1, 0]),
        (["1", "01"], ["01", "1"], [1, 0]),  # two names of one number are told apart as text
        (["9" * 30], ["1", "0" + "9" * 30], [1]),
    ],
)
def test_names_are_matched(theirs, names, expected):
    assert match_names(theirs, names, "here").tolist() == expected


@pytest.mark.parametrize(
    ("theirs", "names", "message"),
    [
        (["A"], ["a", "b"], "here: 'A' is not a class of the model; did you mean 'a'"),
        (["0", "12"], ["0", "1"], "here: '12' is not"),
        (["0", "x"], ["0", "1"], "here: 'x' is not"),
        (["1"], ["one", "two"], "here: '1' is not"),
    ],
)
def test_other_names_are_refused(theirs, names, message, refused):
    with refused(message):
        match_names(theirs, names, "here")


def test_labels_of_classes_that_are_called_by_other_numbers(caplog):
    names = ("5", "40", "7")
    assert match_labels(np.array([7, 5, 5, 40]), names, "here").tolist() == [2, 0, 0, 1]
    assert "here: its classes have no names; taken as the model's: 5, 40, 7" in caplog.text


def test_a_label_that_no_class_is_called_by_is_refused(refused):
    names = tuple(map(str, range(1, 13)))
    with refused("among the model's classes, which are called 1, 2, 3, 4, 5, 6 and 6 more, got 0"):
        match_labels(np.arange(12), names, "here")


def test_labels_of_a_model_without_names_need_no_word(caplog):
    labels = np.array([2, 0, 1])
    assert match_labels(labels, ("0", "1", "2"), "here") is labels
    warn_of_missing(labels, ("0", "1", "2"), "here")
    assert not caplog.records


def test_missing_classes_are_named(caplog):
    warn_of_missing(np.array([1, 1]), ("a", "b", "c"), "here")
    assert "here: has no image of 2 of 3 classes (a, c)" in caplog.text
