"""Three start the same search: one runs, and whatever ends it, the next one goes on."""

import json
import os
import signal
import socket
import subprocess
import time

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import DatabaseError

from bcauto.study.attributes import read_attributes

pytestmark = [pytest.mark.ray, pytest.mark.chaos]

TRIALS = 5
MARKS = [0.25, 0.125]
"""Scores of the first stage's epochs that no training gives."""

SPACE = """
[recipe.model]
backbone = "SmallCNN"

[recipe.training]
batch_size = 18
stages = [{ epochs = 2, learning_rate = 1e-3 }, { epochs = 20, learning_rate = 1e-3 }]

[search]
"model.dropout" = { low = 0.0, high = 0.2 }

[proxy]
severities = [3]
copies = 5
held_out_copies = 2

[confirm]
top = 0
"""
"""Trials that are long enough to be caught in the middle."""


def trials_of(storage):
    """The trials of a study that another process writes; none before it is there."""
    try:
        return optuna.load_study(study_name="tiny-tiny", storage=storage).get_trials()
    except (KeyError, ValueError, optuna.exceptions.StorageInternalError, DatabaseError):
        return []  # also where the search makes its tables at this very moment


def count(storage, *states):
    return sum(trial.state in states for trial in trials_of(storage))


def finished(storage):
    return count(storage, TrialState.COMPLETE, TrialState.PRUNED)


def wait_for(condition, process, timeout=300.0):
    """Waits until ``condition()`` holds while the process lives; gives what it came to."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.5)  # a look into the storage takes a tenth of a second of a core
    return found


def family(pid):
    """Process ids and command lines of all that a search started, which is a session's leader."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,sid=,args="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return {int(row[0]): row[2] for row in rows if int(row[1]) == pid and int(row[0]) != pid}


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'studies' / 'tiny-tiny' / 'study.db'}"


@pytest.fixture
def search(process, tiny_npz, tiny_space):
    """Starts the search with so many training processes, which take seconds of a core to start."""
    tiny_space.write_text(SPACE)
    given = ("search", "--data", tiny_npz, "--space", tiny_space, "--trials", TRIALS)
    return lambda workers: process(*given, "--workers", workers)


def test_of_three_searches_one_runs_and_whatever_ends_it_the_next_goes_on(
    search, storage, process, tmp_path
):
    models = tmp_path / "studies" / "tiny-tiny" / "models"
    running = the_one_that_runs([search(workers=2) for _ in range(3)])
    families, marked = kill_late(running, storage, models)

    for signum, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):  # Ray has its own for them
        running = search(workers=1)
        families |= in_the_middle(running, storage)
        running.send_signal(signum)
        _, err = running.communicate(timeout=120)
        assert running.returncode == code
        assert "all is saved" in err
        assert "Traceback" not in err
        assert count(storage, TrialState.RUNNING) == 0

    running = search(workers=1)
    families |= in_the_middle(running, storage)
    os.kill(one_of("ray::TrainerProcess", running), signal.SIGKILL)
    wait_for(lambda: any("the training process died" in why for why in reasons(storage)), running)
    wait_for(lambda: finished(storage), running)
    families |= in_the_middle(running, storage)
    os.kill(one_of("raylet/raylet", running), signal.SIGKILL)
    _, err = running.communicate(timeout=120)
    # Ray ends a driver whose raylet is gone, if it has not said so and ended by then.
    assert running.returncode == 1 or finished(storage) == TRIALS
    assert "Traceback" not in err

    running = search(workers=1)
    out, err = running.communicate(timeout=400)
    assert running.returncode == 0, err
    assert "going on: " in out
    check_ledger(storage)
    check_goes_on_from_the_last_stage(storage, marked)
    assert [path for path in models.iterdir() if path.suffix != ".keras"] == []
    assert_gone(families)

    status = process("status", "--json")
    counts = json.loads(status.communicate(timeout=60)[0])["trials"]
    assert counts["complete"] + counts["pruned"] == TRIALS
    assert counts["running"] == counts["waiting"] == 0


def the_one_that_runs(searches):
    """Waits for all but one to be refused, with the process and the host of that one."""
    end = time.monotonic() + 300.0
    while len(left := [search for search in searches if search.poll() is None]) > 1:
        assert time.monotonic() < end, "more than one search runs"
        time.sleep(0.2)
    (running,) = left
    for search in searches:
        if search is not running:
            _, err = search.communicate()
            assert (search.returncode, err.count("\n")) == (2, 1), err
            assert f"is being searched by process {running.pid} on {socket.gethostname()}" in err
    return running


def kill_late(running, storage, models):
    """Kills a search in the second stage of a trial, and marks what is kept of the first.

    Gives what the search had started, and the number of the trial.
    """

    def in_the_second_stage():
        running = [t for t in trials_of(storage) if t.state is TrialState.RUNNING]
        return [trial for trial in running if 3 in trial.intermediate_values]

    trial, *_ = wait_for(in_the_second_stage, running)
    started = family(running.pid)
    running.kill()
    running.communicate()
    assert_gone(pid for pid, words in started.items() if "ray::TrainerProcess" in words)
    checkpoint = models / f"{trial.user_attrs['seed']}.checkpoint.npz"
    with np.load(checkpoint) as file:
        kept = dict(file)
    said = json.loads(str(kept["trial"]))
    assert len(said["scores"]) == len(MARKS)
    kept["trial"] = np.array(json.dumps({**said, "scores": MARKS}))
    np.savez(checkpoint, **kept)
    return started, trial.number


def check_goes_on_from_the_last_stage(storage, number):
    """What a killed trial's last try reports is what was kept, and then its own epochs."""
    trials, tries = trials_of(storage), [number]
    while later := [t.number for t in trials if t.user_attrs.get("retry_of") == tries[-1]]:
        tries += later
    last = trials[tries[-1]]
    assert trials[number].state is TrialState.FAIL
    assert last.state is TrialState.COMPLETE
    scores = [last.intermediate_values[epoch] for epoch in range(1, 23)]
    assert scores[: len(MARKS)] == MARKS


def in_the_middle(running, storage):
    """Waits until a trial has reported an epoch; gives what the search has started."""

    def trains():
        if not any("ray::TrainerProcess" in words for words in family(running.pid).values()):
            return False
        live = [t for t in trials_of(storage) if t.state is TrialState.RUNNING]
        return any(trial.intermediate_values for trial in live)

    wait_for(trains, running)
    return family(running.pid)


def one_of(name, running):
    """A process that a search started, by a part of its command line."""
    return next(pid for pid, words in family(running.pid).items() if name in words)


def reasons(storage):
    """Why trials failed."""
    failed = [trial for trial in trials_of(storage) if trial.state is TrialState.FAIL]
    return [trial.user_attrs.get("error", "") for trial in failed]


def assert_gone(pids, timeout=120.0):
    """No zombies: what a search started ends with it; two agents of a killed Ray after a minute."""
    pids, end = [*pids], time.monotonic() + timeout
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.2)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def check_ledger(storage, wanted=TRIALS):
    """Exactly the trials asked for, none running, none twice, and a reason for each failure."""
    trials = trials_of(storage)
    done = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(done) == wanted
    recipes = [json.dumps(read_attributes(trial).recipe, sort_keys=True) for trial in done]
    assert len(set(recipes)) == wanted
    assert TrialState.RUNNING not in [trial.state for trial in trials]
    failed = [trial for trial in trials if trial.state is TrialState.FAIL]
    assert all(trial.user_attrs["error"] for trial in failed)
    retried = {trial.user_attrs.get("retry_of") for trial in trials}
    assert {trial.number for trial in failed} <= retried  # no recipe is lost
