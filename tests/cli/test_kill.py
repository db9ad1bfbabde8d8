"""Searches that are killed, and go on."""

import json
import signal
import time

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import DatabaseError

pytestmark = pytest.mark.ray

TRIALS = 5


def finished(study_db):
    """Trials COMPLETE or PRUNED in a study that another process writes; 0 before it is there."""
    try:
        study = optuna.load_study(study_name=None, storage=f"sqlite:///{study_db}")
    except (KeyError, ValueError, optuna.exceptions.StorageInternalError, DatabaseError):
        return 0  # also where the search makes its tables at this very moment
    return sum(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in study.get_trials())


def wait_for(condition, process, patience=240.0):
    """Waits until ``condition()`` holds while the process lives."""
    end = time.monotonic() + patience
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("signum", "executor", "code"),
    [
        (signal.SIGKILL, "ray", -9),
        (signal.SIGINT, "ray", 130),
        (signal.SIGTERM, "ray", 143),
    ],
)
def test_killed_half_way_it_ends_with_the_trials_asked_for(
    process, tiny_npz, tiny_space, tmp_path, signum, executor, code
):
    arguments = ("search", "--data", tiny_npz, "--space", tiny_space, "--trials", TRIALS)
    database = tmp_path / "studies" / "tiny-tiny" / "study.db"
    killed = process(*arguments, "--executor", executor)
    wait_for(lambda: database.exists() and finished(database) >= 2, killed)
    killed.send_signal(signum)
    assert killed.wait(timeout=120) == code
    if code > 0:
        assert "all is saved" in killed.stderr.read()
        assert TrialState.RUNNING not in states(database)

    again = process(*arguments)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert "going on: " in out
    check_ledger(database)

    status = process("status", "--json")
    counts = json.loads(status.communicate(timeout=60)[0])["trials"]
    assert counts["complete"] + counts["pruned"] == TRIALS
    assert counts["running"] == counts["waiting"] == 0


def states(database):
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{database}")
    return [trial.state for trial in study.get_trials()]


def check_ledger(database):
    """Exactly the trials asked for, none running, none twice, and a reason for each failure."""
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{database}")
    done = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    assert len(done) == TRIALS
    recipes = [json.dumps(trial.user_attrs["recipe"], sort_keys=True) for trial in done]
    assert len(set(recipes)) == TRIALS
    assert TrialState.RUNNING not in [trial.state for trial in study.get_trials()]
    failed = study.get_trials(states=(TrialState.FAIL,))
    assert all(trial.user_attrs["error"] for trial in failed)
