"""Leave-one-family-out: against scipy, by hand, and by simulation."""

import numpy as np
import pytest
from scipy import stats
from study_fixtures import scores_of

from bcauto.results.left_out import LeftOut, leave_one_family_out
from bcauto.results.trials import CompletedTrial
from bcauto.trial import RunRecord


def trials_of(objective, families, held_out=None):
    """Complete trials; families and held-out ones are each a column by name."""
    return [
        CompletedTrial(
            number,
            float(score),
            clean_accuracy=0.9,
            scores=scores_of(row(families, number), row(held_out or {}, number)),
            recipe=None,
            run=RunRecord(),
        )
        for number, score in enumerate(objective)
    ]


def row(columns, number):
    return {name: float(column[number]) for name, column in columns.items()}


@pytest.fixture
def columns():
    rng = np.random.default_rng(1)
    worth = rng.uniform(0.4, 0.8, 14)
    noise = {"geometry": 0.05, "colour": 0.1, "sensor": 0.3, "blur": 0.1, "objective": 0.02}
    return {name: worth + rng.normal(0, size, 14) for name, size in noise.items()}


def test_a_family_is_compared_with_the_mean_of_the_others(columns):
    objective, blur = columns.pop("objective"), columns.pop("blur")
    found = leave_one_family_out(trials_of(objective, columns, {"blur": blur}))
    assert list(found) == ["geometry", "colour", "sensor", "blur"]
    for name, column in columns.items():
        others = np.mean([other for key, other in columns.items() if key != name], axis=0)
        assert found[name].rho == pytest.approx(stats.spearmanr(others, column)[0])
        assert (found[name].held_out, found[name].trials) == (False, 14)
    assert found["blur"].rho == pytest.approx(stats.spearmanr(objective, blur)[0])
    assert found["blur"].held_out


def test_the_interval_is_that_of_the_percentile_bootstrap_over_trials(columns):
    objective, blur = columns.pop("objective"), columns.pop("blur")
    found = leave_one_family_out(trials_of(objective, columns, {"blur": blur}))["blur"]
    by_scipy = stats.bootstrap(
        (objective, blur),
        lambda x, y: stats.spearmanr(x, y)[0],
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found.interval == pytest.approx(tuple(by_scipy), abs=0.08)


def test_the_order_of_the_trials_does_not_matter(columns):
    trials = trials_of(columns.pop("objective"), columns)
    assert leave_one_family_out(trials) == leave_one_family_out(trials[::-1])


@pytest.mark.parametrize("n", [3, 5, 9])
def test_few_trials_have_a_correlation_and_no_interval(n):
    rng = np.random.default_rng(n)
    found = leave_one_family_out(trials_of(rng.random(n), {"a": rng.random(n), "b": rng.random(n)}))
    assert all(each.rho is not None and each.interval is None for each in found.values())


@pytest.mark.parametrize("n", [0, 1, 2])
def test_from_fewer_than_three_trials_nothing_is_concluded(n):
    scores = np.arange(n) / 10
    found = leave_one_family_out(trials_of(scores, {"a": scores, "b": scores}))
    assert set(found.values()) <= {LeftOut(held_out=False, trials=n, rho=None, interval=None)}


@pytest.mark.parametrize("sign", [1, -1])
def test_perfect_agreement_is_not_certain(sign):
    scores = np.arange(10) / 20
    found = leave_one_family_out(trials_of(scores, {"a": scores}, {"b": 0.5 + sign * scores}))["b"]
    assert found.rho == pytest.approx(sign)
    near, far = sorted(found.interval, key=abs)
    assert far == sign
    # as of ten trials with two neighbours swapped: rho .988, and Fisher's z with an error of .461
    swapped = stats.spearmanr(range(10), [1, 0, *range(2, 10)])[0]
    error = ((1 + swapped**2 / 2) / 7) ** 0.5
    assert sign * near == pytest.approx(np.tanh(np.arctanh(swapped) - 1.959964 * error), abs=1e-4)


def test_a_family_alone_has_no_others():
    found = leave_one_family_out(trials_of([0.1, 0.2, 0.3], {"a": [0.1, 0.2, 0.3]}))
    assert found == {"a": LeftOut(held_out=False, trials=0, rho=None, interval=None)}


def test_trials_in_which_a_score_is_not_defined_are_not_compared():
    rng = np.random.default_rng(0)
    a, b, c = rng.random((3, 12))
    with_gap = a.copy()
    with_gap[4] = np.nan
    found = leave_one_family_out(trials_of(b, {"a": with_gap, "b": b}, {"c": c}))
    there = np.arange(12) != 4
    for name in ("a", "b"):
        assert found[name].trials == 11
        assert found[name].rho == pytest.approx(stats.spearmanr(a[there], b[there])[0])
    assert found["c"].trials == 12


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_intervals_of_ten_trials_hold_the_true_correlation_about_95_times_in_100(correlation):
    rng, times, held = np.random.default_rng(0), 200, 0
    true = 6 / np.pi * np.arcsin(correlation / 2)  # Kendall 1948, of normal scores
    for _ in range(times):
        x, other = rng.normal(size=(2, 10))
        y = correlation * x + (1 - correlation**2) ** 0.5 * other
        low, high = leave_one_family_out(trials_of(x, {"a": x}, {"b": y}))["b"].interval
        held += low <= true <= high
    assert held / times >= 0.90
