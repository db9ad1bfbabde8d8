"""Confirmation: what is repeated, what comes of a kill, and whether its choice is honest."""

import time

import numpy as np
import optuna
import pytest
import scipy
from optuna.trial import TrialState
from study_fixtures import scores_of

from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.results.confirmation import _scored, confirm_time, confirmed, winner
from bcauto.results.trials import CompletedTrial, completed_trials
from bcauto.space.space import Confirmation
from bcauto.study.attributes import read_attributes
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.repeats import RepeatSource
from bcauto.trial import Failure, Retry, RunRecord, TrialResult

RECIPES = {
    number: Recipe(model=Network(backbone="SmallCNN", dropout=number / 100)) for number in range(12)
}
LEADERS = (7, 3, 5)


@pytest.fixture
def repeats():
    return optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())


def source(candidates=LEADERS, times=2, seed=0, length=1.0):
    recipes = {number: RECIPES[number] for number in (*candidates, *RECIPES)}
    wanted = Confirmation(top=len(candidates), repeats=times, length=length)
    return RepeatSource(recipes, wanted, seed)


def ledger_of(repeats, folder, asks=None, **limits):
    asks = asks or source()
    finished = len(repeats.get_trials(states=(TrialState.COMPLETE,)))
    return Ledger(
        repeats, asks, Limits(finished + asks.left(repeats), "all", **limits), folder.confirm_model
    )


def result(objective=0.5, error=0.01):
    run = RunRecord(parameters=10, seconds=60.0)
    return TrialResult(objective, 0.9, scores_of(standard_error=error), run)


def run(ledger, count=100):
    jobs = []
    while len(jobs) < count and (job := ledger.next_job()) is not None:
        ledger.close(job.number, result())
        jobs.append(job)
    return jobs


def pairs(repeats, *states):
    trials = repeats.get_trials(states=states or (TrialState.COMPLETE,))
    return [(t.params["trial"], t.params["repeat"]) for t in trials]


def test_every_candidate_is_repeated_once_before_any_is_again(repeats, folder):
    ledger = ledger_of(repeats, folder)
    jobs = run(ledger)
    assert pairs(repeats) == [(7, 1), (3, 1), (5, 1), (7, 2), (3, 2), (5, 2)]
    assert [job.recipe for job in jobs] == [RECIPES[number] for number, _ in pairs(repeats)]
    assert ledger.over
    assert source().left(repeats) == 0


def test_every_repeat_has_a_seed_of_its_own_which_comes_from_the_study(repeats, folder):
    seeds = [job.seed for job in run(ledger_of(repeats, folder))]
    again = [job.seed for job in run(ledger_of(optuna.create_study(direction="maximize"), folder))]
    other = source(seed=1)
    others = run(ledger_of(optuna.create_study(direction="maximize"), folder, other))
    assert len(set(seeds)) == 6
    assert again == seeds
    assert not set(seeds) & {job.seed for job in others}


def test_models_lie_apart_from_the_searchs(repeats, folder):
    [job] = run(ledger_of(repeats, folder), 1)
    assert job.model_path == folder.confirm_model(0)
    assert job.model_path != folder.model(0)


@pytest.mark.parametrize("killed_after", range(6))
def test_a_killed_confirmation_goes_on_with_the_same_trainings(killed_after, repeats, folder):
    run(ledger_of(repeats, folder), killed_after)
    lost = ledger_of(repeats, folder).next_job()  # nobody closes it: its driver is dead
    rest = run(ledger_of(repeats, folder))
    assert rest[0].seed == lost.seed
    assert sorted(pairs(repeats)) == sorted((n, r) for n in LEADERS for r in (1, 2))
    assert not pairs(repeats, TrialState.RUNNING, TrialState.WAITING)


def test_what_ran_out_of_time_is_repeated_by_the_next_run(repeats, folder):
    hurried = ledger_of(repeats, folder, deadline=time.monotonic() + 0.05)
    job = hurried.next_job()
    time.sleep(0.06)
    assert hurried.report(job.number, 1, 0.5)
    hurried.stopped(job.number)
    assert hurried.over
    assert source().left(repeats) == 6
    assert run(ledger_of(repeats, folder))[0].seed == job.seed
    assert len(pairs(repeats)) == 6


def test_a_repeat_that_fails_for_good_is_left_out(repeats, folder):
    ledger = ledger_of(repeats, folder)
    ledger.close(ledger.next_job().number, Failure("ValueError: no"))
    assert len(run(ledger)) == 5
    assert source().left(repeats) == 0


def test_a_repeat_whose_process_died_is_tried_again(repeats, folder):
    ledger = ledger_of(repeats, folder)
    ledger.close(ledger.next_job().number, Failure("killed", retry=Retry.LIMITED))
    assert len(run(ledger)) == 6
    assert len(pairs(repeats)) == 6


def test_a_longer_search_confirms_its_new_leaders_and_keeps_the_old(repeats, folder):
    run(ledger_of(repeats, folder))
    after = source((9, 7, 3))
    assert after.left(repeats) == 2
    assert [job.recipe for job in run(ledger_of(repeats, folder, after))] == [RECIPES[9]] * 2


def test_repeats_train_for_longer_where_that_is_wanted(repeats, folder):
    jobs = run(ledger_of(repeats, folder, source(length=3.0)))
    assert [job.recipe.training.epochs for job in jobs] == [30] * 6
    assert [read_attributes(trial).length for trial in repeats.trials] == [3.0] * 6


def test_repeats_of_another_length_are_trained_anew(repeats, folder):
    run(ledger_of(repeats, folder))
    longer = source(length=2.0)
    assert longer.left(repeats) == 6
    run(ledger_of(repeats, folder, longer))
    assert pairs(repeats) == 2 * [(7, 1), (3, 1), (5, 1), (7, 2), (3, 2), (5, 2)]
    assert longer.left(repeats) == source().left(repeats) == 0


def test_a_longer_repeat_that_was_interrupted_keeps_its_length(repeats, folder):
    ledger = ledger_of(repeats, folder, source(length=2.0))
    ledger.close(ledger.next_job().number, Failure("killed", retry=Retry.ALWAYS))
    assert {job.recipe.training.epochs for job in run(ledger)} == {20}
    assert {read_attributes(trial).length for trial in repeats.trials} == {2.0}


SHAPE = ((1, 2), (2, 1), (3, 3))  # means, and how often each is repeated


def best(number, objective, parameters=100, error=0.01, of_trial=None):
    run_of = RunRecord(parameters=parameters, seconds=1.0)
    scores = scores_of(standard_error=error)
    return CompletedTrial(number, objective, 0.9, scores, RECIPES[number % 12], run_of, of_trial)


def joined(number, objectives, searched=0.9, parameters=100, error=0.0):
    """A trial and its repeats, as they come out of two studies."""
    runs = [
        best(place, value, error=error, of_trial=number) for place, value in enumerate(objectives)
    ]
    return best(number, searched, parameters), runs


def scored(*pairs):
    """What is confirmed, by the trial's number."""
    return {each.candidate.number: each for each in _scored(pairs)}


def test_mean_optimism_and_the_typical_run():
    each = scored(joined(1, [0.70, 0.80, 0.76], searched=0.85))[1]
    assert each.mean == each.score == pytest.approx(0.7533333)
    assert each.optimism == pytest.approx(0.85 - 0.7533333)
    assert each.typical.number == 2


def test_the_variance_from_seed_to_seed_is_pooled_over_the_trials():
    pairs = (joined(1, [0.6, 0.8], 0.8), joined(2, [0.5, 0.5, 0.5], 0.6), joined(3, [0.7], 0.8))
    each = scored(*pairs)[1]
    assert each.seed_variance == pytest.approx((0.02 + 0) / 3)
    assert each.seed_degrees == 3


def test_seeds_are_not_compared_where_each_trial_has_one_repeat():
    pairs = [joined(1, [0.70], 0.80, error=0.02), joined(2, [0.65], 0.9, error=0.02)]
    each = scored(*pairs)
    assert [one.seed_variance for one in each.values()] == [None, None]
    assert [one.score for one in each.values()] == [0.70, 0.65]  # nothing says what is noise
    assert each[1].interval == pytest.approx((0.7 - 0.0392, 0.7 + 0.0392))  # of the images


def test_the_variance_is_estimated_without_bias():
    rng, found = np.random.default_rng(0), []
    for _ in range(2000):
        scores = [0.1 * number + 0.02 * rng.standard_normal(times) for number, times in SHAPE]
        pairs = [joined(n, list(s)) for n, s in enumerate(scores)]
        found.append(scored(*pairs)[0].seed_variance)
    assert np.mean(found) == pytest.approx(0.02**2, rel=0.05)


def test_the_interval_has_the_error_of_the_images_and_of_the_seeds():
    equal = scored(joined(1, [0.7, 0.7], error=0.02))[1]
    assert equal.interval == pytest.approx((0.7 - 0.0392, 0.7 + 0.0392))
    spread = scored(joined(1, [0.69, 0.71], error=0.03))[1]
    images, seeds = 0.03**2, 0.0002 / 2
    assert spread.standard_error == pytest.approx((images + seeds) ** 0.5)
    degrees = (images + seeds) ** 2 / (seeds**2 / 1)  # Satterthwaite 1946
    half = scipy.stats.t.ppf(0.975, degrees) * spread.standard_error
    assert spread.interval == pytest.approx((0.7 - half, 0.7 + half))
    assert scored(joined(1, [0.99, 0.99], error=0.05))[1].interval[1] == 1.0


def test_scores_are_drawn_together_by_the_share_of_noise_and_keep_their_order():
    noisy = scored(
        joined(1, [0.76, 0.80], searched=0.83),
        joined(2, [0.70, 0.74], searched=0.77),
        joined(3, [0.68, 0.70], searched=0.74),
    )
    means = [noisy[number].mean for number in (1, 2, 3)]
    seeds = (0.0008 + 0.0008 + 0.0002) / 3
    kept = 1 - seeds / 2 / np.var(means, ddof=1)
    expected = np.mean(means) + kept * (np.array(means) - np.mean(means))
    assert 0 < kept < 1
    assert [noisy[number].score for number in (1, 2, 3)] == pytest.approx(expected)


def test_differences_that_are_all_noise_leave_one_score_and_sure_ones_stay():
    equal = scored(joined(1, [0.60, 0.80]), joined(2, [0.61, 0.81]))
    assert equal[1].score == equal[2].score == pytest.approx(0.705)
    sure = scored(joined(1, [0.9, 0.9], searched=0.95), joined(2, [0.6, 0.6], searched=0.65))
    assert (sure[1].score, sure[2].score) == pytest.approx((0.9, 0.6))


def close_together(error):
    each = scored(
        joined(1, [0.80, 0.80], parameters=500, error=error),
        joined(2, [0.78, 0.78], parameters=5, error=error),
        joined(3, [0.70, 0.70], parameters=1, error=error),
    )
    return list(each.values())


def test_the_best_mean_wins():
    assert winner(close_together(error=0.03), "best").candidate.number == 1


@pytest.mark.parametrize(("error", "wins"), [(0.019, 1), (0.021, 2), (0.11, 3)])
def test_the_smallest_within_one_standard_error_wins_where_small_is_preferred(error, wins):
    assert winner(close_together(error), "small").candidate.number == wins


def test_a_trial_repeated_less_often_does_not_win_by_luck():
    each = scored(joined(1, [0.95]), joined(2, [0.8, 0.8]))
    for prefer in ("best", "small"):
        assert winner(list(each.values()), prefer) is each[2]


def test_of_several_lengths_the_longest_counts(study, repeats, folder):
    for number in range(4):
        study.add_trial(finished_trial(RECIPES[number], 0.5 + number / 100))
    run(ledger_of(repeats, folder, source((3, 2, 1))))
    run(ledger_of(repeats, folder, source((3, 1), length=2.0)), 3)
    joined = {each.candidate.number: each for each in confirmed_of(study, repeats)}
    assert {number: len(each.runs) for number, each in joined.items()} == {3: 2, 1: 1}
    assert {each.length for each in joined.values()} == {2.0}
    assert joined[3].optimism is None  # the search's score is of a shorter training


def test_confirmed_joins_the_repeats_to_their_trials(study, space, folder, repeats):
    for number in range(4):
        study.add_trial(finished_trial(RECIPES[number], 0.5 + number / 100))
    run(ledger_of(repeats, folder, source((3, 2))))
    joined = confirmed_of(study, repeats)
    assert {each.candidate.number: len(each.runs) for each in joined} == {3: 2, 2: 2}
    assert confirmed(completed_trials(study), []) == []


def confirmed_of(study, repeats):
    return confirmed(completed_trials(study), completed_trials(repeats))


def finished_trial(recipe, value, seconds=60.0):
    attrs = {
        "recipe": recipe.model_dump(mode="json"),
        "clean_accuracy": 0.9,
        "scores": scores_of().model_dump(mode="json"),
        "run": {"parameters": 10, "seconds": seconds},
    }
    return optuna.trial.create_trial(value=value, user_attrs=attrs)


@pytest.mark.parametrize("length", [1.0, 3.0])
@pytest.mark.parametrize(("workers", "rounds"), [(1, 6), (2, 3), (4, 2), (6, 1), (8, 1)])
def test_time_is_kept_for_as_many_rounds_as_the_workers_need(workers, rounds, length):
    trials = [finished_trial(RECIPES[n], 0.5 + n / 100, seconds=10.0 * n) for n in range(6)]
    one = 1.25 * length * 50
    needed, wanted = rounds * one, Confirmation(length=length)
    assert confirm_time(trials, wanted, workers, 2 * needed) == pytest.approx(needed)
    assert confirm_time(trials, wanted, workers, 2 * one) == pytest.approx(one)  # half of it
    assert confirm_time(trials, wanted, workers, 1.9 * one) == 0


def test_no_time_is_kept_before_a_trial_is_complete_nor_without_confirmation():
    assert confirm_time([], Confirmation(), 2, 999) == 0
    assert confirm_time([finished_trial(RECIPES[1], 0.5)], Confirmation(top=0), 2, 999) == 0


def test_a_search_ends_in_time_for_confirming(study, space, folder):
    from bcauto.study.source import SpaceSource

    def reserve(complete):
        return 1000.0 * len(complete)

    limits = Limits(9, deadline=time.monotonic() + 999, reserve=reserve)
    ledger = Ledger(study, SpaceSource(space, 0), limits, folder.model)
    job = ledger.next_job()
    assert not ledger.over
    ledger.close(job.number, result())
    assert ledger.over
    assert ledger.next_job() is None


def simulated(rng, trials=60, noise=0.02, spread=0.02, top=3, times=2):
    """A search over recipes of known worth, and what is confirmed: truth, raw best, confirmed."""
    truth = rng.normal(0.8, spread, trials)
    searched = truth + rng.normal(0, noise, trials)
    leaders = np.argsort(-searched)[:top].tolist()
    pairs = [joined(n, truth[n] + rng.normal(0, noise, times), searched[n]) for n in leaders]
    return truth, leaders[0], _scored(pairs)


@pytest.mark.parametrize(
    "given", [{}, {"spread": 0.005}, {"noise": 0.01}, {"top": 5, "times": 3}, {"times": 4}], ids=str
)
def test_the_confirmed_choice_has_less_regret_and_tells_its_optimism(given):
    rng, rows = np.random.default_rng(0), []
    for _ in range(1500):
        truth, raw, each = simulated(rng, **given)
        won = max(each, key=lambda one: one.mean)
        true = truth[won.candidate.number]
        low, high = won.interval
        optimism = won.candidate.objective - true
        rows.append((true - truth[raw], optimism, won.optimism - optimism, low <= true <= high))
    gain, optimism, error, covered = np.array(rows).T
    assert gain.mean() > 3 * gain.std() / 1500**0.5
    assert optimism.mean() > 0.005  # the search's score of the winner is too good to be true
    assert abs(error.mean()) < 0.2 * optimism.mean() + 3 * error.std() / 1500**0.5
    assert covered.mean() > 0.92


def test_the_winner_is_within_the_error_of_the_best_mean():
    rng = np.random.default_rng(1)
    for _ in range(200):
        _, _, each = simulated(rng)
        leader = max(each, key=lambda one: one.mean)
        assert winner(each, "best") is leader
        assert winner(each, "small").score >= leader.score - leader.standard_error
