"""Searches that are killed again and again, and go on."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import DatabaseError

pytestmark = [pytest.mark.ray, pytest.mark.chaos]

TRIALS = 5
KILLS = 2

STAGES = """
[recipe.model]
backbone = "SmallCNN"

[recipe.training]
batch_size = 16
stages = [{ epochs = 2, learning_rate = 1e-3 }, { epochs = 60, learning_rate = 1e-3 }]

[search]
"model.dropout" = { low = 0.0, high = 0.2 }

[proxy]
severities = [3]
copies = 5
held_out_copies = 2

[confirm]
top = 0
"""


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


def wait_for(condition, process, patience=300.0):
    """Waits until ``condition()`` holds while the process lives."""
    end = time.monotonic() + patience
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.2)


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
    return lambda: process("search", "--data", tiny_npz, "--space", tiny_space, "--trials", TRIALS)


@pytest.mark.parametrize(
    ("victim", "signum", "code"),
    [
        ("driver", signal.SIGKILL, -9),
        ("driver", signal.SIGINT, 130),
        ("driver", signal.SIGTERM, 143),
        ("ray::TrainerProcess", signal.SIGKILL, None),
        ("raylet/raylet", signal.SIGKILL, None),
    ],
    ids=["kill", "interrupt", "terminate", "training process", "raylet"],
)
def test_killed_twice_it_ends_with_the_trials_asked_for(
    search, storage, process, victim, signum, code
):
    running, families = search(), []
    for kill in range(KILLS):

        def half_way(search=running, least=kill + 1):
            trains = any("ray::TrainerProcess" in words for words in family(search.pid).values())
            return trains and finished(storage) >= least and count(storage, TrialState.RUNNING)

        wait_for(half_way, running)
        families += family(running.pid)
        running = strike(running, victim, signum, code, storage) or search()
        if finished(storage) == TRIALS:
            break
    out, err = running.communicate(timeout=400)
    assert running.returncode == 0, err
    assert "going on: " in out or victim == "ray::TrainerProcess"
    check_ledger(storage)
    assert_gone(families)

    status = process("status", "--json")
    counts = json.loads(status.communicate(timeout=60)[0])["trials"]
    assert counts["complete"] + counts["pruned"] == TRIALS
    assert counts["running"] == counts["waiting"] == 0


def test_a_trial_killed_late_goes_on_from_its_last_stage(
    process, tiny_npz, tiny_space, tmp_path, storage
):
    tiny_space.write_text(STAGES)
    given = ("search", "--data", tiny_npz, "--space", tiny_space, "--trials", 1, "--workers", 1)
    killed = process(*given)
    wait_for(lambda: any(3 in trial.intermediate_values for trial in trials_of(storage)), killed)
    killed.kill()
    killed.communicate()
    (checkpoint,) = (tmp_path / "studies" / "tiny-tiny" / "models").glob("*.checkpoint.npz")
    mark_scores(checkpoint, [0.25, 0.125])

    again = process(*given)
    _, err = again.communicate(timeout=400)
    assert again.returncode == 0, err
    first, retry = trials_of(storage)
    assert (first.state, retry.state) == (TrialState.FAIL, TrialState.COMPLETE)
    scores = [retry.intermediate_values[epoch] for epoch in range(1, 63)]
    assert scores[:2] == [0.25, 0.125]
    assert not checkpoint.exists()


def mark_scores(checkpoint, scores):
    """Puts scores in a checkpoint that no training gives, to be known again by."""
    with np.load(checkpoint) as file:
        kept = dict(file)
    said = json.loads(str(kept["trial"]))
    assert len(said["scores"]) == len(scores)
    kept["trial"] = np.array(json.dumps({**said, "scores": scores}))
    np.savez(checkpoint, **kept)


def strike(running, victim, signum, code, storage):
    """Kills the victim; gives the search where it goes on, and None where it has ended."""
    pid = running.pid
    others = family(pid)
    named = [other for other, words in others.items() if victim in words]
    os.kill(pid if victim == "driver" else named[0], signum)
    if victim == "ray::TrainerProcess":
        return running
    _, err = running.communicate(timeout=120)
    assert "Traceback" not in err
    if code is not None:
        assert running.returncode == code
    else:  # Ray ends a driver whose raylet is gone, if it has not said so and ended by then
        assert running.returncode == 1 or finished(storage) == TRIALS
    if signum != signal.SIGKILL:
        assert "all is saved" in err
        assert count(storage, TrialState.RUNNING) == 0
    return None


def assert_gone(pids, patience=120.0):
    """No zombies: what a search started ends with it; two agents of a killed Ray after a minute."""
    end = time.monotonic() + patience
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.2)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def check_ledger(storage):
    """Exactly the trials asked for, none running, none twice, and a reason for each failure."""
    trials = trials_of(storage)
    done = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(done) == TRIALS
    recipes = [json.dumps(trial.user_attrs["recipe"], sort_keys=True) for trial in done]
    assert len(set(recipes)) == TRIALS
    assert TrialState.RUNNING not in [trial.state for trial in trials]
    failed = [trial for trial in trials if trial.state is TrialState.FAIL]
    assert all(trial.user_attrs["error"] for trial in failed)
    retried = {trial.user_attrs.get("retry_of") for trial in trials}
    assert {trial.number for trial in failed} <= retried  # no recipe is lost
