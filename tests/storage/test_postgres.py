"""A study in a real PostgreSQL, which is stopped and started again under it."""

import itertools
import random
import threading
import time
import traceback

import optuna
import psycopg
import pytest
from optuna.trial import TrialState
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from study_fixtures import scores_of

from bcauto.driver.plan import plan_search
from bcauto.errors import BadInput
from bcauto.storage.connect import check_storage, connect
from bcauto.storage.retrying import MADE_TWICE
from bcauto.storage.url import redacted
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.pruning import make_pruner
from bcauto.study.source import SpaceSource
from bcauto.trial import TrialResult

pytest_plugins = ["postgres"]
pytestmark = pytest.mark.chaos


@pytest.fixture
def said():
    return []


def opened(url, said):
    return optuna.create_study(
        study_name="cells",
        storage=connect(url, say=said.append),
        direction="maximize",
        pruner=make_pruner(),
        load_if_exists=True,
    )


def result(objective):
    return TrialResult(objective, clean_accuracy=0.9, scores=scores_of({"blur": 0.5}))


def search(study, space, folder, trials, between=lambda: None):
    """Runs a search of trials that train nothing; the recipes in their order."""
    ledger = Ledger(study, SpaceSource(space, 0), Limits(trials), folder.model)
    recipes = []
    while (job := ledger.next_job()) is not None:
        between()
        ledger.report(job.number, 1, 0.5)
        between()
        ledger.close(job.number, result(0.5 + job.seed % 1000 / 2000))
        between()
        recipes.append(job.recipe)
    return recipes


def undisturbed(space, folder, trials):
    study = optuna.create_study(direction="maximize", pruner=make_pruner())
    return search(study, space, folder, trials)


def check_each_is_there_once(study, trials):
    complete = study.get_trials(states=[TrialState.COMPLETE])
    assert len(complete) == trials
    assert all(trial.intermediate_values == {1: 0.5} for trial in complete)
    others = [trial for trial in study.get_trials() if trial.state != TrialState.COMPLETE]
    assert {trial.state for trial in others} <= {TrialState.FAIL}
    assert {trial.user_attrs["error"] for trial in others} <= {MADE_TWICE}


def test_study_goes_on_when_its_server_is_back(postgres, space, folder, said):
    calls, restarts = itertools.count(), []
    modes = {3: "fast", 10: "immediate", 17: "immediate"}  # before report, result and next trial

    def stop_now_and_then():
        if mode := modes.get(next(calls)):
            postgres.stop(mode)
            restarts.append(threading.Timer(1.5, postgres.start))
            restarts[-1].start()

    study = opened(postgres.url, said)
    recipes = search(study, space, folder, 8, stop_now_and_then)
    assert len(restarts) == 3
    assert recipes == undisturbed(space, folder, 8)
    check_each_is_there_once(study, 8)
    assert [line.partition(" (")[0] for line in said] == [
        "the storage cannot be reached",
        "the storage is back; going on",
    ] * 3
    assert "Connection refused" in said[0] or "terminat" in said[0] or "closed" in said[0]


def test_server_that_dies_at_any_moment_loses_and_doubles_nothing(
    postgres, space, folder, said, monkeypatch
):
    monkeypatch.setattr("bcauto.storage.outage._LONGEST_WAIT", 0.5)  # s: it is never away for long
    calls, due, rng = itertools.count(1), threading.Semaphore(0), random.Random(0)
    outages = 6

    def unrest():
        for _ in range(outages):
            due.acquire()
            time.sleep(rng.uniform(0.0, 0.05))  # in the middle of whatever the search does then
            postgres.stop()
            postgres.start()

    def now_and_then():
        if next(calls) % 6 == 0:
            due.release()

    study = opened(postgres.url, said)
    thread = threading.Thread(target=unrest, daemon=True)
    thread.start()
    recipes = search(study, space, folder, 15, now_and_then)
    thread.join()
    assert len(said) >= 6
    assert recipes == undisturbed(space, folder, 15)
    check_each_is_there_once(study, 15)


def test_commits_that_are_not_answered_lose_and_double_nothing(
    postgres, space, folder, said, monkeypatch
):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # Optuna's own, between its tries
    commit, rng = PGDialect_psycopg.do_commit, random.Random(1)

    def commit_unanswered(dialect, connection):
        commit(dialect, connection)
        if rng.random() < 1 / 15:
            connection.driver_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    study = opened(postgres.url, said)
    monkeypatch.setattr(PGDialect_psycopg, "do_commit", commit_unanswered)
    recipes = search(study, space, folder, 8)
    monkeypatch.undo()
    assert len(said) >= 20
    assert recipes == undisturbed(space, folder, 8)
    check_each_is_there_once(study, 8)
    assert len(study.trials) > 8  # Optuna itself tries a failed creation again


def test_a_check_ends_the_waiting(postgres, said):
    class Ended(BaseException):
        pass

    pressed = threading.Event()

    def check():
        if pressed.is_set():
            raise Ended

    storage = connect(postgres.url, check, said.append)
    postgres.stop()
    threading.Timer(1.0, pressed.set).start()
    began = time.monotonic()
    with pytest.raises(Ended):
        storage.get_all_studies()
    assert 1.0 <= time.monotonic() - began < 3.0
    assert len(said) == 1


def test_password_is_shown_nowhere(postgres, said, capfd, caplog, space, folder):
    caplog.set_level("DEBUG")
    study = opened(postgres.url, said)
    search(study, space, folder, 1)
    wrong = postgres.url.replace("n0body", "n0b0dy")
    for use in (check_storage, connect):
        with pytest.raises(BadInput, match="authentication failed") as refused:
            use(wrong)
        said += traceback.format_exception(refused.value)
    postgres.stop()
    with pytest.raises(BadInput, match="Connection refused") as refused:
        check_storage(postgres.url)
    said += traceback.format_exception(refused.value)
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'public'"
        ).fetchall()
        for (table,) in tables:
            said += map(str, connection.execute(f'select * from "{table}"').fetchall())
    assert len(tables) > 10
    shown = "\n".join([*said, *capfd.readouterr(), caplog.text, redacted(postgres.url)])
    assert "n0b" not in shown
    assert postgres.password not in shown


def test_password_is_not_in_the_study_folder(postgres, tmp_path):
    plan = plan_search({"storage": postgres.url, "space": "quick"}, tmp_path, "cells")
    plan.folder.path.mkdir()
    plan.record.write(plan.folder)
    written = plan.folder.record.read_text()
    assert f"postgresql://searcher@127.0.0.1:{postgres.port}/postgres" in written
    assert "n0body" not in written + repr(plan)
    assert plan.url == postgres.url
