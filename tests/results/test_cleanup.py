"""Files that are no longer needed, against the trials that may still need them."""

import os
import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from study_fixtures import scores_of

from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.results.cleanup import Kind, disk_size, find_removable
from bcauto.results.confirmation import confirmed
from bcauto.results.trials import completed_trials
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.source import SpaceSource
from bcauto.trial import Failure, Retry, TrialResult

RECIPE = Recipe(model=Network(backbone="SmallCNN")).model_dump(mode="json")
SCORED = {
    "recipe": RECIPE,
    "clean_accuracy": 0.9,
    "scores": scores_of().model_dump(mode="json"),
    "run": {"parameters": 10},
}


def add(study, value=None, state=TrialState.COMPLETE, **attrs):
    attrs = {**SCORED, **attrs} if state is TrialState.COMPLETE else attrs
    study.add_trial(create_trial(state=state, value=value, user_attrs=attrs))


def write(path, nbytes=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * nbytes)
    return path


def names(found, kind):
    """The files of a kind, by name."""
    return {file.name for each in found if each.kind is kind for file in each.files}


@pytest.fixture
def repeats():
    return optuna.create_study(direction="maximize")


@pytest.fixture
def searched(study, folder):
    """Five complete trials, best first 3 1 4 0 2, a pruned and a failed one, all with a model."""
    for value in (0.5, 0.8, 0.1, 0.9, 0.7):
        add(study, value)
    add(study, state=TrialState.PRUNED)
    add(study, state=TrialState.FAIL)
    for number in range(7):
        write(folder.model(number))
    return study


@pytest.fixture
def again(repeats, folder):
    """Trials 1 and 3 confirmed, three times each; a seventh repeat failed."""
    for of_trial, values in ((1, (0.70, 0.72, 0.80)), (3, (0.60, 0.90, 0.74))):
        for value in values:
            add(repeats, value, of_trial=of_trial)
    add(repeats, state=TrialState.FAIL)
    for number in range(7):
        write(folder.confirm_model(number))
    return repeats


@pytest.mark.parametrize(
    ("keep", "kept"), [(1, {3}), (3, {3, 1, 4}), (9, {0, 1, 2, 3, 4}), ("all", {0, 1, 2, 3, 4})]
)
def test_the_best_keep_their_models_and_what_is_not_complete_has_none(keep, kept, searched, folder):
    found = find_removable(folder, searched, None, keep=keep, finished=True)
    assert names(found, Kind.MODELS) == {f"{number}.keras" for number in {*range(7)} - kept}


def test_of_each_confirmed_trial_the_most_typical_repeat_is_kept(searched, again, folder):
    found = find_removable(folder, searched, again, keep=1, finished=True)
    assert names(found, Kind.REPEATS) == {f"{number}.keras" for number in (0, 2, 3, 4, 6)}


def test_while_the_confirmation_goes_on_any_repeat_may_become_typical(searched, again, folder):
    found = find_removable(folder, searched, again, keep=1, finished=False)
    assert names(found, Kind.REPEATS) == {"6.keras"}


def test_more_repeats_later_hand_over_the_nearest_that_is_left(searched, again, folder):
    for each in find_removable(folder, searched, again, keep=1, finished=True):
        each.delete()
    add(again, 0.99, of_trial=1)
    write(folder.confirm_model(7))
    trials = completed_trials(searched), completed_trials(again)
    won = {each.candidate.number: each for each in confirmed(*trials)}[1]
    assert won.typical.number == 2
    assert won.kept(folder).number == 1
    found = find_removable(folder, searched, again, keep=1, finished=True)
    assert names(found, Kind.REPEATS) == {"7.keras"}


def test_where_the_storage_knows_no_study_no_model_goes(searched, again, folder):
    write(folder.models / "7.checkpoint.npz")
    found = find_removable(folder, None, None, keep=1, finished=False)
    assert [each.files for each in found] == [(), (), (), ()]


def test_what_is_deleted_is_what_was_told_and_no_more(searched, again, folder):
    write(folder.proxy, 100)
    write(folder.report / "proxy.png", 100)
    write(folder.best / "model.keras", 100)
    write(folder.path / "study.db", 100)
    before = disk_size(folder.path)
    found = find_removable(folder, searched, again, keep=2, finished=True)
    assert sum(each.nbytes for each in found) == 10 * (5 + 5)
    for each in found:
        each.delete()
    assert before - disk_size(folder.path) == 100
    left = {file.name for file in folder.path.rglob("*") if file.is_file()}
    assert {"proxy.npz", "proxy.png", "model.keras", "study.db"} <= left
    assert not any(
        each.files for each in find_removable(folder, searched, again, keep=2, finished=True)
    )


# --- checkpoints -------------------------------------------------------------------------------


def checkpoint(job):
    return write(job.checkpoint_path).name


def test_checkpoints_of_what_is_tried_again_are_kept(study, space, folder):
    ledger = Ledger(study, SpaceSource(space, 0), Limits(9), folder.model)
    killed, interrupted, failed, done = (ledger.next_job() for _ in range(4))
    kept = {checkpoint(killed), checkpoint(interrupted)}
    ledger.close(interrupted.number, Failure("interrupted", retry=Retry.ALWAYS))
    ledger.close(failed.number, Failure("ValueError: no"))
    ledger.close(done.number, TrialResult(0.5, 0.9, scores_of()))
    freed = {checkpoint(failed), checkpoint(done)}
    assert study.get_trials()[killed.number].state is TrialState.RUNNING
    found = find_removable(folder, study, None, keep=5, finished=False)
    assert names(found, Kind.CHECKPOINTS) == freed
    assert len(kept | freed) == 4


def test_a_retry_killed_before_it_began_still_has_its_checkpoint(study, space, folder):
    ledger = Ledger(study, SpaceSource(space, 0), Limits(9), folder.model)
    job = ledger.next_job()
    checkpoint(job)
    ledger.release("interrupted")
    study.ask()  # the retry, by a driver that died at once
    Ledger(study, SpaceSource(space, 0), Limits(9), folder.model)
    assert [t.state for t in study.get_trials()] == [
        TrialState.FAIL,
        TrialState.FAIL,
        TrialState.WAITING,
    ]
    found = find_removable(folder, study, None, keep=5, finished=False)
    assert names(found, Kind.CHECKPOINTS) == set()


def test_checkpoints_of_repeats_count_apart(study, repeats, folder):
    add(repeats, state=TrialState.RUNNING, seed=5)
    add(study, 0.5, seed=5)
    for models in (folder.models, folder.confirm_model(0).parent):
        write(models / "5.checkpoint.npz")
    found = {
        each.kind: each.files
        for each in find_removable(folder, study, repeats, keep=5, finished=False)
    }
    assert found[Kind.CHECKPOINTS] == (folder.models / "5.checkpoint.npz",)


# --- half-written files ------------------------------------------------------------------------


@pytest.fixture
def dead():
    """The id of a process that ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_half_written_files_of_dead_processes_go(study, folder, dead):
    write(folder.models / f".3.{dead}.partial.keras")
    write(folder.path / f".study.{dead}.partial.toml")
    write(folder.models / f".4.{os.getpid()}.partial.keras")
    found = find_removable(folder, study, None, keep=5, finished=False)
    gone = {f".3.{dead}.partial.keras", f".study.{dead}.partial.toml"}
    assert names(found, Kind.PARTIAL) == gone


def test_an_export_that_was_killed_goes_and_one_under_way_stays(study, folder, dead):
    old = folder.best / f".partial-{dead}-abc"
    write(old / "model.keras")
    write(old / "saved_model" / "variables" / "variables.index")
    new = write(folder.best / f".partial-{os.getpid()}-abc" / "model.keras")
    for each in find_removable(folder, study, None, keep=5, finished=False):
        each.delete()
    assert not old.exists()
    assert new.exists()
