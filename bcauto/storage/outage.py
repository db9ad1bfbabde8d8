"""How a call to a database is tried again while the database is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import optuna
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

__all__ = ["OUTAGE_TIMEOUT", "RetryPolicy", "StorageFailed", "in_minutes"]

OUTAGE_TIMEOUT = 300.0
"""Seconds that a call is tried again while the database is away."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0  # seconds between two tries
_CHECK_EVERY = 0.5  # seconds, while waiting
_PERMANENT = re.compile(  # what a server says of a failure that no waiting ends
    r"no space left|disk full|is full|authentication failed|no password supplied|access denied|"
    r"no pg_hba\.conf entry|does not exist|unknown (database|column)|permission denied",
    re.IGNORECASE,
)
_DISK_FULL = "53100"  # PostgreSQL's code: its words may be in any language

_T = TypeVar("_T")


class StorageFailed(optuna.exceptions.StorageInternalError):
    """A call failed for good: the failure is permanent, or the database was away for too long.

    Attributes:
        reason: one line without a password.
        waited: seconds that the call was tried again for; 0 if the failure is permanent.
    """

    def __init__(self, reason: str, waited: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.waited = reason, waited


def in_minutes(seconds: float) -> str:
    """Return a time as the option ``--timeout`` takes it.

    >>> in_minutes(300.0)
    '5m'
    """
    return f"{seconds / 60:g}m"


def _do_nothing(*_: object) -> None:
    """Stand in for a callback that was not given; a lambda could not be pickled."""


@dataclass
class RetryPolicy:
    """Tries a call again until it succeeds or the timeout is over; after a timeout, only once.

    Attributes:
        check: called twice a second while waiting; may raise an exception to stop it.
        say: gets a line when the waiting begins, and another when the database is back.
        hide: removes the password from a database's message.
        timeout: seconds until it gives up.
        clock: returns seconds, as ``time.monotonic`` does.
        sleep: waits for a number of seconds.
        timed_out: whether it has given up. From then on each call is tried once, so that a search
            which closes its trials at the end does not wait for every one of them.
    """

    check: Callable[[], None] = _do_nothing
    say: Callable[[str], None] = _do_nothing
    hide: Callable[[str], str] = str
    timeout: float = OUTAGE_TIMEOUT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    timed_out: bool = False

    def call(self, action: Callable[[], _T], again: Callable[[], _T] | None = None) -> _T:
        """Return what an action returns, after as many tries as it takes.

        Args:
            action: reads or writes the database.
            again: what to try after the first failure, where the action may have been done
                although it failed; by default the action itself.

        Raises:
            StorageFailed: the failure is permanent, or the timeout is over.
        """
        try:
            return action()
        except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
            reason = self._reason_to_wait(error)
        if self.timed_out:
            raise StorageFailed(reason, self.timeout)
        self.say(
            f"the storage cannot be reached ({reason}); trying again for {in_minutes(self.timeout)}"
        )
        result = self._try_until(self.clock() + self.timeout, again or action, reason)
        self.say("the storage is back; going on")
        return result

    def _try_until(self, end: float, action: Callable[[], _T], reason: str) -> _T:
        for wait in _waits():
            self._wait_until(min(end, self.clock() + wait))
            try:
                return action()
            except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
                reason = self._reason_to_wait(error)
            if self.clock() >= end:
                break
        self.timed_out = True
        raise StorageFailed(reason, self.timeout)

    def _wait_until(self, end: float) -> None:
        while (left := end - self.clock()) > 0:
            self.check()
            self.sleep(min(left, _CHECK_EVERY))
        self.check()

    def _reason_to_wait(self, error: Exception) -> str:
        """Return the reason of a failure that may pass, as one line without a password.

        Raises:
            StorageFailed: the failure is permanent.
        """
        cause = _database_error(error)
        message = str(error if cause is None else cause.orig).strip()
        reason = self.hide((message or type(error).__name__).splitlines()[0])
        if cause is None or not _may_pass(cause):
            raise StorageFailed(reason) from None
        return reason


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT
    while True:
        yield wait
        wait = min(2 * wait, _LONGEST_WAIT)


def _database_error(error: BaseException | None) -> DBAPIError | None:
    """Return the driver's error behind one of Optuna's or SQLAlchemy's; None if there is none."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def _may_pass(error: DBAPIError) -> bool:
    """Return whether the connection is lost, or the database is down, starting or busy."""
    message = str(error.orig)
    if type(error.orig).__module__.startswith("sqlite3"):
        return "is locked" in message  # SQLite has no server that could be away
    if getattr(error.orig, "sqlstate", None) == _DISK_FULL or _PERMANENT.search(message):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
