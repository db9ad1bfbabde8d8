"""A call that is tried again while the database is away: until when, and for which failures."""

import re
import sqlite3
import traceback
from itertools import pairwise

import optuna
import psycopg
import pymysql
import pytest
import sqlalchemy
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from bcauto.errors import NothingUsable
from bcauto.storage.connect import storage_failures_in_one_line
from bcauto.storage.outage import OUTAGE_TIMEOUT, RetryPolicy, StorageFailed

LOST = psycopg.OperationalError("server closed the connection unexpectedly\n\tThis probably means")


def database_error(orig, kind=OperationalError):
    return kind("SELECT 1", {}, orig)


def failing(times, error, returns="done"):
    left = [error] * times

    def action():
        if left:
            raise left.pop()
        return returns

    return action


def test_call_that_fails_twice_is_tried_until_it_works(policy, clock, said):
    assert policy.call(failing(2, database_error(LOST))) == "done"
    assert said == [
        "the storage cannot be reached (server closed the connection unexpectedly); "
        "trying again for 5m",
        "the storage is back; going on",
    ]
    assert sum(clock.slept) == pytest.approx(0.5 + 1.0)


def test_call_that_works_says_nothing(policy, clock, said):
    assert policy.call(failing(0, None)) == "done"
    assert (said, clock.slept) == ([], [])


def test_it_gives_up_at_the_timeout(policy, clock, said):
    with pytest.raises(NothingUsable) as gave_up, storage_failures_in_one_line():
        policy.call(failing(10**6, database_error(LOST)))
    assert clock.now == OUTAGE_TIMEOUT == 300.0
    assert len(said) == 1
    assert str(gave_up.value) == (
        "the storage failed (server closed the connection unexpectedly) for 5m; what it could "
        "save is saved, and once it works again the same command goes on"
    )


def test_a_policy_that_has_given_up_does_not_wait_again(policy, clock, said):
    for _ in range(3):  # what a search closes at its end
        with pytest.raises(StorageFailed):
            policy.call(failing(10**6, database_error(LOST)))
    assert clock.now == pytest.approx(OUTAGE_TIMEOUT)
    assert len(said) == 1
    assert policy.call(failing(0, None)) == "done"


def test_waits_grow_but_stay_short_enough_to_notice(policy, clock):
    tries = []

    def action():
        tries.append(clock.now)
        raise database_error(LOST)

    with pytest.raises(StorageFailed):
        policy.call(action)
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert max(gaps) == 10.0


def test_check_ends_the_waiting_soon(clock, said):
    class Ended(BaseException):
        pass

    def check():
        if clock.now >= 20:
            raise Ended

    policy = RetryPolicy(check, said.append, clock=clock, sleep=clock.sleep)
    with pytest.raises(Ended):
        policy.call(failing(10**6, database_error(LOST)))
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
def test_a_failure_that_may_pass_is_waited_for(policy, said, error):
    assert policy.call(failing(1, error)) == "done"
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
def test_a_permanent_failure_is_not_waited_for(policy, clock, said, error):
    with pytest.raises(NothingUsable) as failed, storage_failures_in_one_line():
        policy.call(failing(1, error))
    assert re.match(r"the storage failed \([^\n]+\); what it", str(failed.value))
    assert (said, clock.slept) == ([], [])


def test_waiting_ends_at_a_permanent_failure_and_names_it(policy, clock):
    errors = [database_error(sqlite3.OperationalError("database or disk is full"))]

    def action():
        raise errors.pop() if clock.now else database_error(LOST)

    with pytest.raises(StorageFailed, match="disk is full") as failed:
        policy.call(action)
    assert failed.value.waited == 0


@pytest.mark.parametrize(
    "error", [KeyError("no such study"), optuna.exceptions.DuplicatedStudyError]
)
def test_an_error_that_is_not_the_databases_is_raised(policy, said, error):
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        policy.call(failing(1, error))
    assert said == []


def test_the_reason_is_found_behind_optunas_own_errors(policy, said):
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
        policy.call(action)
    assert "server closed the connection" in said[0]


def test_no_secret_is_in_a_message_or_an_error(clock, said):
    error = database_error(psycopg.OperationalError('invalid dsn: "password=n0body" at host'))
    hide = {"hide": lambda text: text.replace("n0body", "***")}
    policy = RetryPolicy(say=said.append, clock=clock, sleep=clock.sleep, **hide)
    with pytest.raises(NothingUsable) as failed, storage_failures_in_one_line():
        policy.call(failing(10**6, error))
    shown = "".join([*said, *traceback.format_exception(failed.value)])
    assert "password=***" in shown
    assert "n0body" not in shown
