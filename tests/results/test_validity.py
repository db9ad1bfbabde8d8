"""What scores are worth: against scipy, against definitions, and by simulation."""

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from study_fixtures import scores_of

from bcauto.results.rank_correlation import resampled_kendall, resampled_spearman
from bcauto.results.trials import CompletedTrial
from bcauto.results.validity import comparable, proxy_validity
from bcauto.trial import RunRecord

NAMES = ("objective", "clean_accuracy", "geometry", "colour")


@pytest.fixture(autouse=True)
def nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def trial(number, objective, clean=0.9, held_out=0.5, geometry=0.6, colour=0.7):
    """A complete trial; its held-out score is the mean of two families on either side of it."""
    held = {} if held_out is None else {"blur": held_out - 0.125, "microscopy": held_out + 0.125}
    scores = scores_of({"geometry": geometry, "colour": colour}, held)
    return CompletedTrial(number, objective, clean, scores, recipe=None, run=RunRecord())


def trials_of(objective, clean, held_out, geometry=None, colour=None):
    columns = (
        objective,
        clean,
        held_out,
        *(objective if c is None else c for c in (geometry, colour)),
    )
    rows = zip(*(np.asarray(column).tolist() for column in columns), strict=True)
    return [trial(number, *row) for number, row in enumerate(rows)]


def drawn(n, seed, decimals=None):
    """Trials whose scores are related, with ties where they are rounded."""
    rng = np.random.default_rng(seed)
    held_out = rng.uniform(0.2, 0.8, n)
    noise = (0.05, 0.3, 0.1, 0.2)
    columns = [held_out, *(held_out + rng.normal(0, s, n) for s in noise)]
    if decimals is not None:
        columns = [np.round(column, decimals) for column in columns]
    held_out, objective, clean, geometry, colour = columns
    return trials_of(objective, clean, held_out, geometry, colour)


def columns(trials):
    """Every score by its name, and the held-out score; in the trials' order."""
    scores = {
        "objective": [t.objective for t in trials],
        "clean_accuracy": [t.clean_accuracy for t in trials],
        **{name: [t.scores.families[name] for t in trials] for name in ("geometry", "colour")},
    }
    return {name: np.array(values) for name, values in scores.items()}, held(trials)


def held(trials):
    return np.array([np.mean(list(t.scores.held_out.values())) for t in trials])


def worths(found):
    return {"objective": found.objective, "clean_accuracy": found.clean_accuracy, **found.families}


# --- the figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("n", [3, 4, 9, 10, 57])
def test_correlations_are_those_of_scipy(n, decimals):
    trials = drawn(n, seed=n, decimals=decimals)
    found = worths(proxy_validity(trials))
    assert tuple(found) == NAMES
    scores, held_out = columns(trials)
    for name, worth in found.items():
        assert worth.rho.value == pytest.approx(stats.spearmanr(scores[name], held_out)[0])
        assert worth.tau.value == pytest.approx(stats.kendalltau(scores[name], held_out)[0])


def test_rho_by_its_formula_and_tau_b_by_counting_pairs():
    x, y = [0.1, 0.2, 0.3, 0.4, 0.5], [0.2, 0.1, 0.5, 0.3, 0.4]
    found = proxy_validity(trials_of(x, [0.9, 0.9, 0.8, 0.7, 0.8], y))
    assert found.objective.rho.value == pytest.approx(1 - 6 * (1 + 1 + 4 + 1 + 1) / (5 * 24))
    assert found.objective.tau.value == pytest.approx((7 - 3) / 10)
    # clean accuracy ranks 4.5 4.5 2.5 1 2.5, the held-out score 2 1 5 3 4
    ranked = np.corrcoef([4.5, 4.5, 2.5, 1, 2.5], [2, 1, 5, 3, 4])[0, 1]
    assert found.clean_accuracy.rho.value == pytest.approx(ranked)
    # of ten pairs two are tied; (2, 3) and (3, 4) agree, the six others do not
    assert found.clean_accuracy.tau.value == pytest.approx((2 - 6) / (8 * 10) ** 0.5)


def test_scores_that_agree_and_that_disagree():
    scores = np.arange(12) / 20
    found = proxy_validity(trials_of(scores, scores[::-1], scores))
    for worth, value in ((found.objective, 1), (found.clean_accuracy, -1)):
        for figure in (worth.rho, worth.tau, worth.top_10):
            assert figure.value == pytest.approx(value)
            assert figure.interval == pytest.approx((value, value))


def test_the_top_10_are_the_best_by_the_objective_whatever_the_score():
    trials = drawn(40, seed=1)
    scores, held_out = columns(trials)
    top = sorted(range(40), key=lambda place: -scores["objective"][place])[:10]
    for name, worth in worths(proxy_validity(trials)).items():
        expected = stats.spearmanr(scores[name][top], held_out[top])[0]
        assert worth.top_10.value == pytest.approx(expected)


def test_of_equal_objectives_the_earlier_trial_is_among_the_top_10():
    objective = [0.9, 0.9, 0.8, 0.8, 0.8, 0.7, 0.7, 0.6, 0.6, 0.5, 0.5, 0.5]
    held_out = np.random.default_rng(3).permutation(12) / 20
    found = proxy_validity(trials_of(objective, held_out, held_out)[::-1])
    expected = stats.spearmanr(objective[:10], held_out[:10])[0]
    assert found.objective.top_10.value == pytest.approx(expected)


def test_fewer_than_ten_trials_have_no_top_10():
    assert proxy_validity(drawn(9, seed=0)).objective.top_10 is None
    ten = proxy_validity(drawn(10, seed=0)).objective
    assert ten.top_10 == ten.rho


def test_the_order_of_the_trials_does_not_matter():
    trials = drawn(30, seed=4, decimals=1)
    assert proxy_validity(trials) == proxy_validity(trials[::-1])


# --- the intervals -------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 6, 25])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("ours", "reference"),
    [(resampled_spearman, stats.spearmanr), (resampled_kendall, stats.kendalltau)],
)
def test_a_resample_has_the_correlation_of_the_trials_drawn_out(ours, reference, n, ties):
    rng = np.random.default_rng(n)
    x, y = rng.integers(0, 3, (2, n)).astype(float) if ties else rng.normal(size=(2, n))
    places = rng.integers(n, size=(60, n))
    counts = np.stack([np.bincount(row, minlength=n) for row in places]).astype(float)
    for row, value in zip(places, ours(x, y, counts), strict=True):
        if np.ptp(x[row]) == 0 or np.ptp(y[row]) == 0:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(reference(x[row], y[row])[0])


@pytest.mark.parametrize(
    ("figure", "reference"), [("rho", stats.spearmanr), ("tau", stats.kendalltau)]
)
def test_the_interval_is_that_of_the_percentile_bootstrap(figure, reference):
    trials = drawn(40, seed=5)
    scores, held_out = columns(trials)
    by_scipy = stats.bootstrap(
        (scores["clean_accuracy"], held_out),
        lambda x, y: reference(x, y)[0],
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    ours = getattr(proxy_validity(trials).clean_accuracy, figure).interval
    assert ours == pytest.approx(tuple(by_scipy), abs=0.04)


def normal_pairs(rng, shape, correlation):
    x, other = rng.normal(size=(2, *shape))
    return x, correlation * x + (1 - correlation**2) ** 0.5 * other


def without_families(trials):
    return [replace(one, scores=scores_of({}, one.scores.held_out)) for one in trials]


def true_top_10(n, correlation):
    """The mean Spearman's rho of the 10 best of n by x, by many draws."""
    x, y = normal_pairs(np.random.default_rng(1), (4000, n), correlation)
    top = np.argsort(-x, axis=1)[:, :10]
    best = (stats.rankdata(np.take_along_axis(values, top, 1), axis=1) for values in (x, y))
    differences = np.subtract(*best)
    return float(np.mean(1 - 6 * (differences**2).sum(axis=1) / 990))


@pytest.mark.parametrize("correlation", [0.3, 0.8])
def test_intervals_hold_the_true_correlation_about_95_times_in_100(correlation):
    """For normal scores both correlations are known (Kendall 1948)."""
    rng, n, times = np.random.default_rng(0), 30, 150
    true = {
        "rho": 6 / np.pi * np.arcsin(correlation / 2),
        "tau": 2 / np.pi * np.arcsin(correlation),
        "top_10": true_top_10(n, correlation),
    }
    covered = dict.fromkeys(true, 0)
    for _ in range(times):
        x, y = normal_pairs(rng, (n,), correlation)
        worth = proxy_validity(without_families(trials_of(x, x, y))).objective
        for name, value in true.items():
            low, high = getattr(worth, name).interval
            covered[name] += low <= value <= high
    for name, count in covered.items():
        assert 0.90 <= count / times <= 0.99, name


# --- the choices ---------------------------------------------------------------------------------


def test_regret_by_hand():
    trials = [
        trial(3, 0.70, clean=0.95, held_out=0.50, geometry=0.2),
        trial(5, 0.80, clean=0.97, held_out=0.60, geometry=0.9),
        trial(8, 0.75, clean=0.99, held_out=0.30, geometry=0.1),
        trial(9, 0.60, clean=0.90, held_out=0.75, geometry=0.4),
    ]
    found = proxy_validity(trials)
    assert found.trials == 4
    assert (found.best.trial, found.best.regret) == (9, 0)
    assert found.best.held_out == pytest.approx(0.75)
    for worth, number, regret in (
        (found.objective, 5, 0.15),
        (found.clean_accuracy, 8, 0.45),
        (found.families["geometry"], 5, 0.15),
    ):
        assert worth.choice.trial == number
        assert worth.choice.regret == pytest.approx(regret)
        assert worth.choice.held_out == pytest.approx(0.75 - regret)


def test_of_equals_the_earliest_is_chosen_even_where_another_has_the_better_objective():
    rows = [(0.5, 0.9, 0.25), (0.7, 0.95, 0.5), (0.9, 0.95, 0.75), (0.9, 0.8, 0.75)]
    found = proxy_validity([trial(n, *row) for n, row in enumerate(rows)][::-1])
    assert found.clean_accuracy.choice.trial == 1
    assert found.objective.choice.trial == 2
    assert found.best.trial == 2


# --- what cannot be known ------------------------------------------------------------------------


def plain(found):
    """As --json prints it, which NaN is not allowed in."""
    return json.loads(json.dumps(found.as_dict(), allow_nan=False))


UNKNOWN = {"rho": None, "tau": None, "top_10": None, "choice": None}


@pytest.mark.parametrize("n", [0, 1, 2])
def test_from_fewer_than_three_trials_nothing_is_concluded(n):
    found = plain(proxy_validity(drawn(n, seed=0)))
    families = dict.fromkeys(("geometry", "colour") if n else (), UNKNOWN)
    unknown = {"best": None, "objective": UNKNOWN, "clean_accuracy": UNKNOWN}
    assert found == {"trials": n, **unknown, "families": families}


def test_three_trials_are_enough():
    found = proxy_validity(drawn(3, seed=0))
    assert found.best is not None
    assert all(worth.rho and worth.tau and worth.choice for worth in worths(found).values())


def test_scores_that_are_all_equal_have_no_correlation():
    rng = np.random.default_rng(0)
    varied = rng.uniform(size=12)
    found = proxy_validity(trials_of(varied, np.full(12, 0.97), rng.uniform(size=12)))
    assert found.objective.rho is not None
    clean = found.clean_accuracy
    assert (clean.rho, clean.tau, clean.top_10) == (None, None, None)
    assert clean.choice.trial == 0
    assert plain(proxy_validity(trials_of(varied, varied, np.full(12, 0.5))))["objective"] == {
        **UNKNOWN,
        "choice": {"trial": int(varied.argmax()), "held_out": 0.5, "regret": 0},
    }


def test_scores_that_are_equal_among_the_top_10_only():
    objective = np.linspace(0.9, 0.1, 20)
    clean = np.r_[np.full(10, 0.99), np.linspace(0.98, 0.5, 10)]
    found = proxy_validity(trials_of(objective, clean, objective)).clean_accuracy
    assert found.top_10 is None
    assert found.rho.value > 0.8


@pytest.mark.parametrize("n", [3, 4, 30])
def test_intervals_hold_numbers_where_most_resamples_are_constant(n):
    x, y = np.zeros(n), np.zeros(n)
    x[0], y[-1] = 1, 1
    found = proxy_validity(trials_of(x, x, y)).objective
    assert found.rho.value == pytest.approx(-1 / (n - 1))
    for figure in (found.rho, found.tau):
        low, high = figure.interval
        assert -1 <= low <= figure.value + 1e-9 <= high + 2e-9 < 0.01


def test_trials_whose_held_out_score_is_missing_or_not_defined_are_left_out():
    trials = drawn(12, seed=7)
    others = [trial(20, 0.99, held_out=None), trial(21, 0.98, held_out=float("nan"))]
    assert comparable([*others, *trials[::-1]]) == trials
    assert proxy_validity([*others, *trials]) == proxy_validity(trials)


def test_a_family_that_is_not_defined_in_a_trial_is_not_judged():
    trials = [*drawn(12, seed=7), trial(12, 0.5, geometry=float("nan"))]
    found = plain(proxy_validity(trials))
    assert found["families"]["geometry"] == UNKNOWN
    assert found["families"]["colour"]["rho"] is not None


def test_every_pair_of_scores_gives_the_same_answer_twice():
    trials = drawn(25, seed=9)
    assert proxy_validity(trials) == proxy_validity(trials)
    figures = [worth.rho for worth in worths(proxy_validity(trials)).values()]
    assert all(a != b for a, b in combinations(figures, 2))


def test_other_commands_do_not_wait_for_scipy():
    code = "import sys, bcauto.cli.app, bcauto.study; print('scipy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
