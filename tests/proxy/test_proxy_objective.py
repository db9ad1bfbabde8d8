import numpy as np
import pytest

from bcauto.proxy.objective import combine, means_by_family

FAMILIES = ["colour", "colour", "colour", "sensor"]
VALUES = np.array([0.9, 0.6, 0.6, 0.3])


@pytest.mark.parametrize(
    ("objective", "expected"),
    [("mean_of_corruptions", 0.6), ("mean_of_families", 0.5), ("worst_family", 0.3)],
)
def test_an_objective_is_what_it_says(objective, expected):
    assert combine(objective, VALUES, FAMILIES) == pytest.approx(expected)


def test_the_worst_family_is_the_one_with_the_least_mean_and_not_with_the_least_corruption():
    values = np.array([0.0, 1.0, 1.0, 0.5])
    assert combine("worst_family", values, FAMILIES) == 0.5


@pytest.mark.parametrize("objective", ["mean_of_corruptions", "mean_of_families", "worst_family"])
def test_rows_are_combined_apart(objective):
    rows = np.random.default_rng(0).random((5, 4))
    each = [combine(objective, row, FAMILIES) for row in rows]
    assert np.array_equal(combine(objective, rows, FAMILIES), each)


@pytest.mark.parametrize("objective", ["mean_of_corruptions", "mean_of_families", "worst_family"])
def test_what_is_not_defined_is_left_out(objective):
    families = ["colour", "colour", "sensor"]
    values = np.array([[0.9, 0.6, np.nan], [np.nan, 0.6, np.nan], [np.nan] * 3])
    expected = pytest.approx([0.75, 0.6, np.nan], nan_ok=True)
    assert combine(objective, values, families) == expected


def test_families_keep_the_order_in_which_they_come():
    means = means_by_family(VALUES, FAMILIES)
    assert list(means) == ["colour", "sensor"]
    assert means["colour"] == pytest.approx(0.7)
