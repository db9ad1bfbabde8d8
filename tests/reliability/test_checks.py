"""What the long run calls a breach: studies made to break one rule each."""

import os
import random
import re
import time
from datetime import datetime, timedelta

import kills
import memory
import pytest
import repeat
from optuna.trial import TrialState, create_trial

from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked

COMPLETE, FAIL = TrialState.COMPLETE, TrialState.FAIL
KILLED = "the search was killed while it ran"
DIED = "the training process died (crashed)"


@pytest.fixture
def wrong(monkeypatch, tmp_path):
    """The breaches of a study of two trials, by its trials as (state, seed, attributes)."""

    def check(*tries, confirm=None):
        trials = [made(number, *each) for number, each in enumerate(tries)]
        best = [trial for trial in trials if trial.state is COMPLETE]
        monkeypatch.setattr(kills.Search, "search_trials", lambda _: trials)
        monkeypatch.setattr(kills.Search, "confirm_trials", lambda _: confirm or repeats(best[:2]))
        toll = kills.Toll(1, time.monotonic())
        study = kills._Study(tmp_path / "0", tmp_path / "data.npz", random.Random(0), toll)
        study.trials = 2
        models = study.search.study / "models"
        models.mkdir(parents=True, exist_ok=True)
        for trial in best:
            (models / f"{trial.number}.keras").touch()
        study._check()
        return toll.wrong

    return check


def made(number, state, seed, attrs):
    value = 0.5 if state is COMPLETE else None
    trial = create_trial(state=state, value=value, user_attrs={"seed": seed, **attrs})
    trial.number = number
    return trial


def repeats(best):
    return [made(number, COMPLETE, number, {}) for number in range(len(best))]


TWO = [(COMPLETE, 1, {}), (COMPLETE, 2, {})]


def failed(reason, **attrs):
    return (FAIL, 3, {"error": reason, **attrs})


def test_interrupted_recipes_that_were_finished_later_are_no_breach(wrong):
    again = (COMPLETE, 3, {"retry_of": 0})
    assert wrong(failed(KILLED), (COMPLETE, 1, {}), again) == []


def test_a_recipe_that_died_three_times_is_no_breach(wrong):
    deaths = [failed(DIED), failed(DIED, retry_of=0), failed(DIED, retry_of=1)]
    assert wrong(*deaths, *TWO) == []


@pytest.mark.parametrize(("deaths", "breaches"), [(3, 0), (2, 2)])  # then it is lost, too
def test_a_repeat_that_died_three_times_is_not_missing(wrong, deaths, breaches):
    tries = [failed(DIED), failed(DIED, retry_of=1), failed(DIED, retry_of=2)][:deaths]
    confirm = [(COMPLETE, 1, {}), *tries]
    confirm = [made(number, *each) for number, each in enumerate(confirm)]
    assert len(wrong(*TWO, confirm=confirm)) == breaches


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([failed(KILLED), *TWO], "lost trial 0"),
        ([failed(DIED), failed(DIED, retry_of=0), *TWO], "lost trial 0"),
        ([failed("ValueError: no"), *TWO], "lost trial 0"),
        ([(COMPLETE, 1, {}), (COMPLETE, 1, {})], "twice to the end"),
        ([*TWO, (TrialState.RUNNING, 3, {})], r"trials \[2\] RUNNING"),
        ([*TWO, (TrialState.WAITING, 3, {})], r"trials \[2\] WAITING"),
        ([*TWO, (COMPLETE, 3, {})], "has 3 trials, not 2"),
    ],
)
def test_what_does_not_hold_is_told(wrong, trials, said):
    assert any(re.search(said, line) for line in wrong(*trials))


@pytest.mark.parametrize(
    "name",
    [
        "models/7.keras",
        "confirm/models/.1.99.partial.keras",
        "confirm/models/3.checkpoint.npz",
    ],
)
def test_files_that_are_left_are_told(wrong, tmp_path, name):
    path = tmp_path / "0" / "studies" / "chaos" / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert any(path.name in line for line in wrong(*TWO))


def test_a_lock_that_is_held_is_told(wrong, tmp_path):
    with locked(StudyFolder(tmp_path / "0" / "studies" / "chaos")):
        (line,) = wrong(*TWO)
    assert f"the lock is held by process {os.getpid()} on " in line


def test_a_process_that_is_left_is_told(wrong, monkeypatch):
    monkeypatch.setattr(kills, "_LEFT_OVER", 0.0)
    monkeypatch.setattr(kills.Search, "family", lambda _: {7: "raylet"})
    (line,) = wrong(*TWO)
    assert "left over" in line


@pytest.mark.parametrize(
    ("where", "excused"), [("<frozen runpy>", True), ("/x/bcauto/cli/app.py", False)]
)
def test_ctrl_c_is_excused_a_traceback_while_python_itself_starts_only(where, excused):
    said = f'Traceback (most recent call last):\n  File "{where}"\nKeyboardInterrupt\n'
    assert kills._while_python_starts(said) is excused
    assert not kills._while_python_starts(said.replace("KeyboardI", "ValueE"))


@pytest.mark.parametrize(
    ("last", "wrong"), [(130, []), (140, ["ratio", "ratio_of_the_most"]), (135, ["ratio"])]
)
def test_a_worker_that_grows_is_told(monkeypatch, tmp_path, last, wrong):
    """It takes 105 MB at most and 100 MB at the end of the first ten trials."""
    start = datetime(2026, 1, 1)
    sizes = [100, 105, *[100] * 8, 101, last]
    trials = [made(number, COMPLETE, 1, {}) for number in range(len(sizes))]
    for number, trial in enumerate(trials):
        trial.datetime_complete = start + timedelta(seconds=10 * number + 5)
    monkeypatch.setattr(memory.Search, "search_trials", lambda _: trials)
    search = memory.Search(tmp_path, tmp_path / "data.npz", "", [])
    watch = memory._Watch(search)
    for number, size in enumerate(sizes):
        watch.seen.append((start + timedelta(seconds=10 * number), 7, size * 2**20))
        watch.seen.append((start + timedelta(seconds=10 * number + 6), 8, 2**20))  # a new one
    figures, breaches = memory._judged(search, watch)
    assert [line.split()[1] for line in breaches] == wrong
    assert (figures["mb_after_10"], figures["mb_at_the_end"]) == (100, last)
    assert figures["processes"] == 2


def test_the_order_of_recipes_is_that_of_their_first_tries():
    def trial(number, state, lr, **attrs):
        value = lr if state is COMPLETE else None
        attrs = {"recipe": {"lr": lr}, **attrs}
        made = create_trial(state=state, value=value, user_attrs=attrs)
        made.number = number
        return made

    calm = [trial(0, COMPLETE, 0.1), trial(1, COMPLETE, 0.2)]
    struck = [trial(0, FAIL, 0.1), trial(1, COMPLETE, 0.1, retry_of=0), trial(2, COMPLETE, 0.2)]
    assert repeat._outcomes(struck) == repeat._outcomes(calm)
    assert repeat._best(struck) == repeat._best(calm) == (0.2, -1)
    other = [*struck[:2], trial(2, COMPLETE, 0.3)]
    assert repeat._differing("trial", calm, other)
    assert repeat._differing("trial", calm, calm[::-1])
    assert repeat._differing("trial", calm, struck[:2])
