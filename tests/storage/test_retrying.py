"""A storage that waits for its database: until when, for what, and nothing is done twice."""

import inspect
import re
import sqlite3
import time
import traceback
from functools import partial
from itertools import pairwise

import optuna
import psycopg
import pymysql
import pytest
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import TrialState
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from study_fixtures import scores_of

from bcauto.errors import NothingUsable
from bcauto.storage.connect import storage_failures_in_one_line
from bcauto.storage.retrying import PATIENCE, Patience, PatientStorage, StorageFailed
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.sampling import make_pruner
from bcauto.study.source import SpaceSource
from bcauto.trial import TrialResult

LOST = psycopg.OperationalError("server closed the connection unexpectedly\n\tThis probably means")


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return []


@pytest.fixture
def patience(clock, said):
    return Patience(say=said.append, clock=clock, sleep=clock.sleep)


def database_error(orig, kind=OperationalError):
    return kind("SELECT 1", {}, orig)


def failing(times, error, returns="done"):
    left = [error] * times

    def action():
        if left:
            raise left.pop()
        return returns

    return action


def test_call_that_fails_twice_is_tried_until_it_works(patience, clock, said):
    assert patience.call(failing(2, database_error(LOST))) == "done"
    assert said == [
        "the storage cannot be reached (server closed the connection unexpectedly); "
        "trying again for 5m",
        "the storage is back; going on",
    ]
    assert sum(clock.slept) == pytest.approx(0.5 + 1.0)


def test_call_that_works_says_nothing(patience, clock, said):
    assert patience.call(failing(0, None)) == "done"
    assert (said, clock.slept) == ([], [])


def test_it_gives_up_at_the_limit(patience, clock, said):
    with pytest.raises(NothingUsable) as gave_up, storage_failures_in_one_line():
        patience.call(failing(10**6, database_error(LOST)))
    assert clock.now == PATIENCE == 300.0
    assert len(said) == 1
    assert str(gave_up.value) == (
        "the storage failed (server closed the connection unexpectedly) for 5m; what it could "
        "save is saved, and once it works again the same command goes on"
    )


def test_what_has_given_up_does_not_wait_again(patience, clock, said):
    for _ in range(3):  # what a search closes at its end
        with pytest.raises(StorageFailed):
            patience.call(failing(10**6, database_error(LOST)))
    assert clock.now == pytest.approx(PATIENCE)
    assert len(said) == 1
    assert patience.call(failing(0, None)) == "done"


def test_waits_grow_but_stay_short_enough_to_notice(patience, clock):
    tries = []

    def action():
        tries.append(clock.now)
        raise database_error(LOST)

    with pytest.raises(StorageFailed):
        patience.call(action)
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert max(gaps) == 10.0


def test_check_ends_the_waiting_soon(clock, said):
    class Ended(BaseException):
        pass

    def check():
        if clock.now >= 20:
            raise Ended

    patience = Patience(check, said.append, clock=clock, sleep=clock.sleep)
    with pytest.raises(Ended):
        patience.call(failing(10**6, database_error(LOST)))
    assert 20 <= clock.now <= 21


@pytest.mark.parametrize(
    "error",
    [
        database_error(LOST),
        database_error(psycopg.OperationalError("FATAL:  the database system is starting up")),
        database_error(psycopg.OperationalError("port 5432 failed: Connection refused\n\tIs the")),
        database_error(
            psycopg.OperationalError('on socket "/run/x" failed: No such file or directory')
        ),
        database_error(psycopg.errors.AdminShutdown("terminating connection due to administrator")),
        database_error(psycopg.errors.TooManyConnections("too many clients already")),
        database_error(psycopg.InterfaceError("the connection is closed"), InterfaceError),
        database_error(pymysql.OperationalError(2013, "Lost connection to MySQL server")),
        database_error(pymysql.OperationalError(1213, "Deadlock found when trying to get lock")),
        database_error(pymysql.InterfaceError(0, ""), InterfaceError),
        database_error(sqlite3.OperationalError("database is locked")),
    ],
)
def test_what_passes_is_waited_for(patience, said, error):
    assert patience.call(failing(1, error)) == "done"
    assert len(said) == 2


@pytest.mark.parametrize(
    "error",
    [
        database_error(sqlite3.OperationalError("database or disk is full")),
        database_error(sqlite3.OperationalError("no such table: trials")),
        database_error(sqlite3.OperationalError("attempt to write a readonly database")),
        database_error(
            sqlite3.DatabaseError("file is not a database"), sqlalchemy.exc.DatabaseError
        ),
        database_error(psycopg.errors.DiskFull("Kein Platz mehr")),
        database_error(psycopg.OperationalError("could not extend file: No space left on device")),
        database_error(
            psycopg.OperationalError('FATAL:  password authentication failed for user "me"')
        ),
        database_error(psycopg.OperationalError('FATAL:  database "cells" does not exist')),
        database_error(psycopg.errors.UndefinedTable("no relation"), ProgrammingError),
        database_error(pymysql.OperationalError(1045, "Access denied for user 'me'@'h'")),
        database_error(pymysql.OperationalError(1114, "The table 'trials' is full")),
        database_error(pymysql.OperationalError(1049, "Unknown database 'cells'")),
        optuna.exceptions.StorageInternalError("of some other cause"),
    ],
)
def test_what_lasts_is_not_waited_for(patience, clock, said, error):
    with pytest.raises(NothingUsable) as failed, storage_failures_in_one_line():
        patience.call(failing(1, error))
    assert re.match(r"the storage failed \([^\n]+\); what it", str(failed.value))
    assert (said, clock.slept) == ([], [])


def test_call_that_ends_waiting_for_a_lasting_error_says_which(patience, clock):
    errors = [database_error(sqlite3.OperationalError("database or disk is full"))]

    def action():
        raise errors.pop() if clock.now else database_error(LOST)

    with pytest.raises(StorageFailed, match="disk is full") as failed:
        patience.call(action)
    assert failed.value.waited == 0


@pytest.mark.parametrize(
    "error", [KeyError("no such study"), optuna.exceptions.DuplicatedStudyError]
)
def test_what_is_no_failure_of_the_database_passes(patience, said, error):
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        patience.call(failing(1, error))
    assert said == []


def test_the_reason_is_found_behind_what_optuna_makes_of_it(patience, said):
    def fall_back():
        try:
            raise database_error(LOST)
        except OperationalError:  # as Optuna does where it reads trials
            raise sqlalchemy.exc.PendingRollbackError("Can't reconnect") from None

    def action():
        try:
            fall_back()
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise optuna.exceptions.StorageInternalError("during the commit") from error

    with pytest.raises(StorageFailed, match=r"^server closed the connection unexpectedly$"):
        patience.call(action)
    assert "server closed the connection" in said[0]


def test_no_secret_is_in_what_it_says_or_raises(clock, said):
    error = database_error(psycopg.OperationalError('invalid dsn: "password=n0body" at host'))
    hide = {"hide": lambda text: text.replace("n0body", "***")}
    patience = Patience(say=said.append, clock=clock, sleep=clock.sleep, **hide)
    with pytest.raises(NothingUsable) as failed, storage_failures_in_one_line():
        patience.call(failing(10**6, error))
    shown = "".join([*said, *traceback.format_exception(failed.value)])
    assert "password=***" in shown
    assert "n0body" not in shown


# --- the storage ---------------------------------------------------------------------------


@pytest.fixture
def storage(tmp_path, patience):
    return PatientStorage(f"sqlite:///{tmp_path / '{study}.db'}", {}, patience)


def test_every_call_that_optuna_makes_is_patient():
    asked = set(re.findall(r"self\._backend\.(\w+)\(", inspect.getsource(_CachedStorage)))
    without_database = {"get_heartbeat_interval", "get_heartbeat_stale_trial_callback"}
    only_with_heartbeat = {"record_heartbeat", "_get_stale_trial_ids"}
    asked -= without_database | only_with_heartbeat
    assert len(asked) > 15
    assert [n for n in asked if getattr(PatientStorage, n) is getattr(RDBStorage, n)] == []


def lose_the_answer(storage, turns):
    """Has the connection break right after the commits of these turns, counted from one."""
    count = [0]

    @sqlalchemy.event.listens_for(storage.scoped_session, "after_commit")
    def after_commit(_):
        count[0] += 1
        if count[0] in turns:
            raise database_error(LOST)

    return count


def result(job):
    return TrialResult(0.5 + job.seed % 1000 / 2000, 0.9, scores_of({"blur": 0.5}))


def search(study, space, folder):
    """Six trials that train nothing, one of them killed and run again; their recipes in order."""
    ledger = Ledger(study, SpaceSource(space, 0), Limits(6), folder.model)
    recipes = []
    while (job := ledger.next_job()) is not None:
        recipes.append(job.recipe)
        ledger.report(job.number, 1, 0.5)
        if job.number == 3:
            ledger.release("killed")
        else:
            ledger.close(job.number, result(job))
    return recipes


def begun(storage):
    return optuna.create_study(storage=storage, direction="maximize", pruner=make_pruner())


def without_marks(trials):
    kept = [{**t.system_attrs, **t.user_attrs} for t in trials]
    return [{k: v for k, v in attrs.items() if not k.startswith("bcauto:")} for attrs in kept]


@pytest.mark.parametrize("turn", range(3))
def test_connection_that_breaks_before_the_answer_doubles_nothing(
    turn, storage, space, folder, said, tmp_path, monkeypatch
):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # Optuna's own, between its tries
    study, calm = begun(storage), begun(f"sqlite:///{tmp_path}/calm.db")
    commits = lose_the_answer(storage, range(1 + turn, 10**6, 3))  # every third
    recipes = search(study, space, folder)
    assert commits[0] > 100
    assert len(said) > 20
    assert recipes == search(calm, space, folder)
    kept = study.get_trials()
    assert [t.state for t in kept] == [t.state for t in calm.get_trials()]
    assert [t.number for t in kept] == list(range(7))
    assert without_marks(kept) == without_marks(calm.get_trials())
    assert all(t.values == c.values for t, c in zip(kept, calm.get_trials(), strict=True))


def test_a_second_close_is_still_an_error(storage):
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    study.tell(trial, 1.0)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [1.0])


def break_first(monkeypatch, owner, name, meanwhile):
    """Has the first of these calls do nothing but fail, after something else has happened."""
    method, calls = getattr(owner, name), []

    def call(*args):
        calls.append(args)
        if len(calls) == 1:
            meanwhile()
            raise database_error(LOST)
        return method(*args)

    monkeypatch.setattr(owner, name, call)


def test_trial_that_another_closed_otherwise_meanwhile_is_an_error(storage, monkeypatch):
    trial = optuna.create_study(storage=storage).ask()
    other, close = (
        RDBStorage(storage.engine.url.render_as_string()),
        RDBStorage.set_trial_state_values,
    )
    fail = partial(close, other, trial._trial_id, TrialState.FAIL)
    break_first(monkeypatch, RDBStorage, "set_trial_state_values", fail)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_state_values(trial._trial_id, TrialState.PRUNED)


def test_trial_that_another_took_meanwhile_is_not_taken(storage, patience, monkeypatch):
    study = optuna.create_study(study_name="cells", storage=storage)
    study.enqueue_trial({"x": 1.0})
    other = PatientStorage(storage.engine.url.render_as_string(), {}, patience)
    taken = []
    break_first(monkeypatch, storage, "_take", lambda: taken.append(other._take(1)))
    assert storage.set_trial_state_values(1, TrialState.RUNNING) is False
    assert taken == [True]


def test_name_of_a_database_may_have_braces(storage, tmp_path):
    optuna.create_study(study_name="cells", storage=storage)
    assert (tmp_path / "{study}.db").exists()
