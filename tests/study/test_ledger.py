"""The ledger alone, with nobody training."""

import subprocess
import time

import optuna
import pytest
from optuna.trial import TrialState
from study_fixtures import scores_of

from bcauto.errors import NothingUsable
from bcauto.results.trials import status
from bcauto.space.space import Space
from bcauto.study.attributes import read_attributes
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.monitor import Monitor
from bcauto.study.source import SpaceSource
from bcauto.trial import Failure, Retry, TrialResult

COUNT = 14


def result(objective):
    return TrialResult(objective, clean_accuracy=0.9, scores=scores_of({"defocus": 0.5}))


def make(study, space, folder, trials=100, seed=0, **limits):
    return Ledger(study, SpaceSource(space, seed), Limits(trials, **limits), folder.model)


def states(study):
    return [trial.state for trial in study.get_trials()]


def run(ledger, count):
    """Lets ``count`` jobs complete with a score of their recipe's own, and returns the recipes."""
    drawn = []
    for _ in range(count):
        job = ledger.next_job()
        drawn.append(job.recipe)
        ledger.close(job.number, result(int(job.recipe.fingerprint[:4], 16) / 2**16))
    return drawn


def test_starting_points_come_first_and_once(study, space, folder):
    run(make(study, space, folder), 3)
    again = make(study, space, folder)
    run(again, 2)
    rates = [t.params.get("training.learning_rate@lion") for t in study.get_trials()]
    assert rates[0] == 1e-4
    assert study.get_trials()[1].params["training.learning_rate@adam"] == 1e-3
    assert rates.count(1e-4) == 1


def test_complete_trial_keeps_all_that_it_scored(study, space, folder):
    ledger = make(study, space, folder)
    ledger.close(ledger.next_job().number, result(0.75))
    trial = study.get_trials()[0]
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.75)
    assert trial.user_attrs["clean_accuracy"] == 0.9
    assert read_attributes(trial).scores.families == {"defocus": 0.5}
    assert read_attributes(trial).recipe["training"]["optimizer"] == "lion"


def test_target_counts_live_trials_and_ends(study, space, folder):
    ledger = make(study, space, folder, trials=2)
    first, second = ledger.next_job(), ledger.next_job()
    assert ledger.next_job() is None
    assert not ledger.over
    ledger.close(first.number, result(0.1))
    ledger.close(second.number, result(0.2))
    assert ledger.over
    assert ledger.finished == 2


def test_failed_trial_does_not_count_but_the_search_goes_on(study, space, folder):
    ledger = make(study, space, folder, trials=1)
    ledger.close(ledger.next_job().number, Failure("ValueError: no", "the traceback"))
    assert not ledger.over
    (failed, *_) = study.get_trials()
    assert failed.state is TrialState.FAIL
    assert failed.user_attrs["error"] == "ValueError: no"
    assert read_attributes(failed).traceback == "the traceback"
    run(ledger, 1)
    assert ledger.over


@pytest.mark.parametrize("objective", [float("nan"), float("inf"), float("-inf")])
def test_objective_that_is_no_number_is_a_failure(study, space, folder, objective):
    ledger = make(study, space, folder)
    ledger.close(ledger.next_job().number, result(objective))
    assert states(study)[0] is TrialState.FAIL
    assert str(objective) in study.get_trials()[0].user_attrs["error"]


def test_exception_is_not_retried(study, space, folder):
    ledger = make(study, space, folder)
    failed = ledger.next_job()
    ledger.close(failed.number, Failure("ValueError: no"))
    later = [job.fingerprint for job in run(ledger, 5)]
    assert failed.recipe.fingerprint not in later


def test_retry_is_the_same_trial(study, space, folder):
    ledger = make(study, space, folder)
    run(ledger, 2)  # the starting points
    job = ledger.next_job()
    ledger.close(job.number, Failure("its process died", retry=Retry.LIMITED))
    retried = ledger.next_job()
    assert retried.recipe == job.recipe
    assert retried.seed == job.seed
    assert retried.number != job.number


def test_process_that_dies_is_tried_three_times_in_all(study, space, folder):
    ledger = make(study, space, folder)
    run(ledger, 2)
    recipe = ledger.next_job().recipe
    for number in (2, 3, 4):
        ledger.close(number, Failure("its process died", retry=Retry.LIMITED))
        job = ledger.next_job()
        assert (job.recipe == recipe) is (number < 4)


def test_interruption_may_happen_any_number_of_times(study, space, folder):
    ledger = make(study, space, folder)
    run(ledger, 2)
    job = ledger.next_job()
    for _ in range(5):
        ledger.close(job.number, Failure("interrupted", retry=Retry.ALWAYS))
        again = ledger.next_job()
        assert again.recipe == job.recipe
        job = again


def test_release_leaves_nothing_running_and_loses_nothing(study, space, folder):
    ledger = make(study, space, folder)
    open_jobs = [ledger.next_job(), ledger.next_job(), ledger.next_job()]
    ledger.release("interrupted")
    assert TrialState.RUNNING not in states(study)
    again = make(study, space, folder)
    assert run(again, 3) == [job.recipe for job in open_jobs]


def test_orphans_of_a_killed_driver_are_closed_and_queued_once(study, space, folder):
    job = make(study, space, folder).next_job()  # and then the driver dies
    make(study, space, folder)
    ledger = make(study, space, folder)
    assert states(study).count(TrialState.RUNNING) == 0
    assert states(study)[job.number] is TrialState.FAIL
    assert sum("retry_of" in t.user_attrs for t in study.get_trials()) == 1
    assert job.recipe in run(ledger, 2)


def test_driver_killed_while_it_closes_a_trial_leaves_the_reason(study, space, folder, monkeypatch):
    """As one does whose own machine of the cluster is lost: Ray ends it a moment later."""

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    dying = make(study, space, folder)
    job = dying.next_job()
    with monkeypatch.context() as patch:
        patch.setattr(study, "tell", die)
        with pytest.raises(Killed):
            dying.close(job.number, Failure("its machine was lost", retry=Retry.LIMITED))
    resumed = make(study, space, folder)
    lost, retry = study.get_trials()
    assert (lost.state, lost.user_attrs["error"]) == (TrialState.FAIL, "its machine was lost")
    assert retry.user_attrs["deaths"] == 1
    assert resumed.next_job().recipe == job.recipe


def test_trial_killed_between_ask_and_draw_is_drawn_anew(study, space, folder):
    ledger = make(study, space, folder)
    run(ledger, 2)
    study.ask()  # the driver dies here: no recipe yet
    resumed = make(study, space, folder)
    undisturbed = make_undisturbed(space, folder, 3)
    assert run(resumed, 1) == undisturbed[2:]


def test_a_starting_point_that_is_put_before_the_others_later_is_tried(study, folder):
    def asked(starts, trials):
        points = [{"model.dropout": start} for start in starts]
        space = Space(
            recipe={"model": {"backbone": "SmallCNN"}},
            search={"model.dropout": {"low": 0.0, "high": 0.5}},
            start=points,
        )
        ledger = make(study, space, folder, trials=trials)
        run(ledger, trials - ledger.finished)
        done = [t for t in study.get_trials() if t.state is TrialState.COMPLETE]
        return [trial.params["model.dropout"] for trial in done]

    assert asked([0.1, 0.2], 2) == [0.1, 0.2]
    assert asked([0.3, 0.1, 0.2], 3) == [0.1, 0.2, 0.3]
    assert len(study.get_trials()) == 3


def test_starting_point_killed_before_its_draw_is_not_lost(study, space, folder):
    SpaceSource(space, 0)._queue_starting_point(study, [])
    study.ask()  # takes it, and the driver dies
    drawn = run(make(study, space, folder), COUNT)
    assert drawn == make_undisturbed(space, folder, COUNT)


def make_undisturbed(space, folder, count):
    study = optuna.create_study(direction="maximize")
    return run(make(study, space, folder), count)


def test_same_seed_same_recipes_and_other_seed_others(space, folder):
    def drawn(seed):
        study = optuna.create_study(direction="maximize")
        return run(make(study, space, folder, seed=seed), 8)

    assert drawn(1) == drawn(1)
    assert drawn(1)[2:] != drawn(2)[2:]


@pytest.mark.parametrize("kill_at", [0, 2, 5, 11])
def test_killed_search_draws_what_an_undisturbed_one_draws(study, space, folder, kill_at):
    ledger = make(study, space, folder)
    before = run(ledger, kill_at)
    killed = ledger.next_job()  # and the driver dies while it runs
    resumed = make(study, space, folder)
    after = run(resumed, COUNT - kill_at)
    undisturbed = make_undisturbed(space, folder, COUNT)
    assert killed.recipe in after
    assert before + after == undisturbed


@pytest.fixture
def three_points():
    return Space.model_validate(
        {
            "recipe": {"model": {"backbone": "SmallCNN"}},
            "search": {"training.batch_size": [8, 16, 32]},
        }
    )


def test_recipe_that_is_known_is_never_trained_again(study, three_points, folder):
    space = three_points
    ledger = make(study, space, folder)
    seen = []
    while (job := ledger.next_job()) is not None:
        seen.append(job.recipe.training.batch_size)
        ledger.close(job.number, result(0.5))
    assert sorted(seen) == [8, 16, 32]
    assert ledger.over
    assert ledger.exhausted
    asked = len(study.get_trials())
    again = make(study, space, folder)
    assert again.next_job() is None
    assert again.exhausted
    assert len(study.get_trials()) == asked
    assert status(study, "cells", 100).trials["failed"] == 0


def test_a_retry_is_trained_though_its_recipe_was_drawn_again_before(study, three_points, folder):
    ledger = make(study, three_points, folder)
    job = ledger.next_job()
    study.enqueue_trial({"training.batch_size": job.recipe.training.batch_size})
    other = ledger.next_job()
    assert study.get_trials()[1].user_attrs["duplicate_of"] == job.number
    ledger.close(job.number, Failure("interrupted", retry=Retry.ALWAYS))
    assert ledger.next_job().recipe == job.recipe != other.recipe


def test_a_space_is_not_exhausted_while_a_trial_may_have_to_be_tried_again(
    study, three_points, folder
):
    ledger = make(study, three_points, folder)
    jobs = [ledger.next_job() for _ in range(3)]
    assert ledger.next_job() is None
    asked = len(study.get_trials())
    assert [ledger.next_job() for _ in range(3)] == [None] * 3
    assert len(study.get_trials()) == asked
    assert not ledger.over
    for job in jobs[:2]:
        ledger.close(job.number, result(0.5))
    ledger.close(jobs[2].number, Failure("the training process died", retry=Retry.LIMITED))
    retry = ledger.next_job()
    assert retry.recipe == jobs[2].recipe
    ledger.close(retry.number, result(0.5))
    assert ledger.next_job() is None
    assert ledger.exhausted


def test_many_trials_that_end_with_the_time_or_their_machine_end_no_search(study, space, folder):
    ledger = make(study, space, folder)
    for retry in (Retry.ALWAYS, Retry.LIMITED, Retry.SMALLER):
        for job in [ledger.next_job() for _ in range(12)]:
            ledger.close(job.number, Failure("all at once", retry=retry))
    assert ledger.broken is None


def test_report_reaches_the_study_and_prunes_those_behind(study, space, folder):
    ledger = make(study, space, folder)
    for _ in range(6):
        job = ledger.next_job()
        for epoch in range(1, 6):
            assert not ledger.report(job.number, epoch, 0.8)
        ledger.close(job.number, result(0.8))
    job = ledger.next_job()
    verdicts = [ledger.report(job.number, epoch, 0.1) for epoch in range(1, 6)]
    assert verdicts[:3] == [False, False, False]
    assert any(verdicts)
    ledger.stopped(job.number)
    last = study.get_trials()[job.number]
    assert last.state is TrialState.PRUNED
    assert last.intermediate_values[1] == 0.1
    assert ledger.finished == 7


@pytest.mark.parametrize("head_epochs", [0, 8])
def test_no_trial_is_pruned_while_its_head_trains_alone(study, folder, head_epochs):
    given = {"model": {"backbone": "SmallCNN"}, "training": {"head_epochs": head_epochs}}
    space = Space(recipe=given, search={"model.dropout": {"low": 0.0, "high": 0.5}})
    ledger = make(study, space, folder)
    for _ in range(6):
        job = ledger.next_job()
        for epoch in range(1, 11):
            ledger.report(job.number, epoch, 0.8)
        ledger.close(job.number, result(0.8))
    behind = ledger.next_job().number
    stops = [ledger.report(behind, epoch, 0.1) for epoch in range(1, 11)]
    assert stops.index(True) + 1 == max(4, head_epochs + 1)


def test_a_retry_is_not_pruned_where_its_first_try_was_not(study, space, folder):
    ledger = make(study, space, folder)
    for _ in space.start:
        ledger.next_job()  # they are never pruned
    killed = ledger.next_job()
    for epoch in range(1, 8):
        assert not ledger.report(killed.number, epoch, 0.1)
    for _ in range(6):
        job = ledger.next_job()
        for epoch in range(1, 11):
            ledger.report(job.number, epoch, 0.8)
        ledger.close(job.number, result(0.8))
    ledger.close(killed.number, Failure("its process died", retry=Retry.LIMITED))
    retry = ledger.next_job()
    assert retry.recipe == killed.recipe
    stops = [ledger.report(retry.number, epoch, 0.1) for epoch in range(1, 9)]
    assert stops == [False] * 7 + [True]


def test_starting_points_are_seen_to_their_end(study, space, folder):
    """Also where others are done before them, and after a retry."""
    ledger = make(study, space, folder)
    starts = [ledger.next_job(), ledger.next_job()]
    for _ in range(6):
        job = ledger.next_job()
        for epoch in range(1, 6):
            ledger.report(job.number, epoch, 0.8)
        ledger.close(job.number, result(0.8))
    ledger.close(starts[1].number, Failure("its process died", retry=Retry.LIMITED))
    retry = ledger.next_job()
    assert retry.recipe == starts[1].recipe
    for number in (starts[0].number, retry.number):
        assert not any(ledger.report(number, epoch, 0.1) for epoch in range(1, 6))


def test_time_that_is_up_stops_trials_and_keeps_their_recipe(study, space, folder):
    ledger = make(study, space, folder, deadline=time.monotonic() + 3600)
    job = ledger.next_job()
    late = Limits(100, deadline=time.monotonic() - 1)
    ledger.limits = late
    assert ledger.report(job.number, 1, 0.9)
    ledger.stopped(job.number)
    assert ledger.over
    assert ledger.next_job() is None
    assert states(study)[job.number] is TrialState.FAIL
    assert "time" in study.get_trials()[job.number].user_attrs["error"]
    assert run(make(study, space, folder), 1) == [job.recipe]


def test_ten_failures_in_a_row_with_one_reason_end_the_search(study, space, folder):
    ledger = make(study, space, folder)
    for _ in range(10):
        assert ledger.broken is None
        ledger.close(ledger.next_job().number, Failure("OSError: no space"))
    assert isinstance(ledger.broken, NothingUsable)
    assert "OSError: no space" in str(ledger.broken)
    assert ledger.over


def test_out_of_memory_is_tried_once_more_with_half_the_batch(study, space, folder):
    ledger = make(study, space, folder)
    job = ledger.next_job()
    ledger.close(job.number, Failure("out of memory", retry=Retry.SMALLER))
    smaller = ledger.next_job()
    assert (smaller.recipe, smaller.seed) == (job.recipe, job.seed)
    assert (job.accumulate, smaller.accumulate) == (1, 2)
    ledger.close(smaller.number, Failure("its process died", retry=Retry.LIMITED))
    again = ledger.next_job()
    assert again.accumulate == 2
    ledger.close(again.number, Failure("out of memory", retry=Retry.SMALLER))
    assert ledger.next_job().recipe != job.recipe


def test_the_sampler_is_told_of_recipes_that_need_too_much_memory(study, space, folder):
    ledger = make(study, space, folder)
    job = ledger.next_job()
    ledger.close(job.number, Failure("out of memory", retry=Retry.SMALLER))
    ledger.close(ledger.next_job().number, result(0.9))
    ledger.close(ledger.next_job().number, result(0.5))
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    assert [max(t.constraints.values(), default=0) for t in complete] == [1, 0]
    assert study.best_value == 0.5  # Optuna's own best is one that keeps the constraint


def test_a_full_disk_ends_the_search_with_the_recipe_queued(study, space, folder):
    ledger = make(study, space, folder)
    job = ledger.next_job()
    ledger.close(job.number, Failure("the disk is full", retry=Retry.ALWAYS, disk_full=True))
    assert isinstance(ledger.broken, OSError)
    assert ledger.over
    assert make(study, space, folder).next_job().recipe == job.recipe


def test_checkpoints_last_as_long_as_a_retry_may_come(study, space, folder):
    ledger = make(study, space, folder)

    def begun():
        job = ledger.next_job()
        job.checkpoint_path.write_text("stages so far")
        return job

    job = begun()
    ledger.close(job.number, Failure("its process died", retry=Retry.LIMITED))
    assert job.checkpoint_path.exists()
    retried = ledger.next_job()
    assert retried.checkpoint_path == job.checkpoint_path
    ledger.close(retried.number, result(0.5))
    assert not job.checkpoint_path.exists()

    failed = begun()
    ledger.close(failed.number, Failure("ValueError: no"))
    assert not failed.checkpoint_path.exists()

    pruned = begun()
    ledger.stopped(pruned.number)
    assert not pruned.checkpoint_path.exists()


def test_what_a_killed_search_left_in_the_models_folder_is_deleted(study, space, folder):
    ledger = make(study, space, folder)
    job = ledger.next_job()
    folder.model(job.number).write_text("saved, but never written down")
    dead = subprocess.Popen(["true"])
    dead.wait()
    half = folder.models / f".7.{dead.pid}.partial.keras"
    half.write_text("half")
    again = make(study, space, folder)
    assert not half.exists()
    ledger = again
    job = ledger.next_job()
    folder.model(job.number).write_text("weights")
    ledger.close(job.number, result(0.5))
    assert [path.name for path in folder.models.iterdir()] == [f"{job.number}.keras"]


def test_other_reasons_and_successes_start_the_count_anew(study, space, folder):
    ledger = make(study, space, folder)
    for turn in range(30):
        reason = "one" if turn % 9 else "another"
        ledger.close(ledger.next_job().number, Failure(reason))
    assert ledger.broken is None


def test_a_reason_is_the_same_at_another_epoch(study, space, folder):
    ledger = make(study, space, folder)
    for epoch in range(10):
        assert ledger.broken is None
        ledger.close(ledger.next_job().number, Failure(f"the loss is nan after epoch {epoch}"))
    assert "10 trials in a row failed: the loss is nan after epoch 9" in str(ledger.broken)


def test_fifty_failures_in_a_row_are_enough_whatever_the_reasons(study, space, folder):
    ledger = make(study, space, folder)
    for turn in range(50):
        assert ledger.broken is None
        ledger.close(ledger.next_job().number, Failure("one" if turn % 2 else "another"))
    assert "50 trials in a row failed: one" in str(ledger.broken)


def test_a_pruned_trial_starts_the_count_anew(study, space, folder):
    ledger = make(study, space, folder)
    for _ in range(12):
        ledger.close(ledger.next_job().number, Failure("one"))
        ledger.stopped(ledger.next_job().number)
    assert ledger.broken is None


@pytest.mark.parametrize("keep", [1, 3, "all"])
def test_models_of_the_best_are_kept(study, space, folder, keep):
    ledger = make(study, space, folder, keep=keep)
    for number, objective in enumerate([0.3, 0.9, 0.5, 0.9, 0.1]):
        job = ledger.next_job()
        folder.model(job.number).write_text("weights")
        assert job.model_path == folder.model(number)
        ledger.close(job.number, result(objective))
    kept = sorted(int(file.stem) for file in folder.models.iterdir())
    assert kept == {1: [1], 3: [1, 2, 3], "all": [0, 1, 2, 3, 4]}[keep]


def test_monitor_sees_what_happens(study, space, folder):
    class Seen(list):
        def __getattr__(self, name):
            return lambda *arguments: self.append((name, *arguments))

    seen = Seen()
    ledger = Ledger(study, SpaceSource(space, 0), Limits(3), folder.model, seen)
    job = ledger.next_job()
    ledger.report(job.number, 1, 0.25)
    ledger.close(job.number, result(0.5))
    assert seen == [
        ("began", 0, None),
        ("started", job, None, None),
        ("reported", 0, 1, 0.25),
        ("ended", 0, "complete", "0.5000"),
    ]


def test_monitor_is_told_of_an_interruption_as_such(study, space, folder):
    class Ends(Monitor):
        def __init__(self):
            self.seen = []

        def ended(self, number, state, detail):
            self.seen.append((number, state, detail))

    monitor = Ends()
    ledger = Ledger(study, SpaceSource(space, 0), Limits(3), folder.model, monitor)
    ledger.next_job()
    ledger.close(ledger.next_job().number, Failure("ValueError: no"))
    ledger.release("the search was stopped")
    assert monitor.seen == [
        (1, "failed", "ValueError: no"),
        (0, "interrupted", "the search was stopped; it is tried again"),
    ]
