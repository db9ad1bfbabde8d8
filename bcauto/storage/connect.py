"""Optuna storages by URL: checked before work starts, then opened; no message has a password."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy.engine import URL

from bcauto.errors import BadInput, NothingUsable
from bcauto.storage.outage import RetryPolicy, StorageFailed, in_minutes
from bcauto.storage.retrying import RetryingStorage
from bcauto.storage.url import parse_url, redacted, secret_hider

__all__ = [
    "absolute",
    "check_exists",
    "check_storage",
    "connect",
    "storage_failures_in_one_line",
]

_WAITS = (0.1, 0.3, 1.0, 3.0)  # seconds between tries, while another process makes the tables
_BUSY_TIMEOUT = 10.0  # seconds that SQLite waits for a lock, as of the dashboard, on its own
_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql"}  # what the extras of these names install
_SILENCE = 30  # seconds without any answer until a server counts as lost
_LIBPQ = {
    "connect_timeout": 10,
    "tcp_user_timeout": 1000 * _SILENCE,
    "keepalives_idle": _SILENCE,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_PYMYSQL = {"connect_timeout": 10, "read_timeout": 60, "write_timeout": 60}  # locks wait for 50
_CONNECT_ARGS = {"psycopg": _LIBPQ, "psycopg2": _LIBPQ, "pymysql": _PYMYSQL}


def check_storage(url: str) -> None:
    """Check, without writing, that a storage can be reached and its file be written.

    Raises:
        BadInput: it cannot; the message has the reason but no password.
    """
    target = _with_driver(parse_url(url))
    if target.get_backend_name() == "sqlite":
        _check_sqlite(target.database or "")
        return
    try:
        sqlalchemy.create_engine(target, **_engine_options(target)).connect().close()
    except Exception as error:  # drivers raise errors of any type for options they do not take
        raise _unreachable(url, error) from None


def check_exists(url: str) -> None:
    """Check that a storage can be read; an SQLite file may be on a disk that is read-only.

    Raises:
        BadInput: it cannot be reached, or the SQLite file is missing.
    """
    target = parse_url(url)
    if target.get_backend_name() != "sqlite":
        check_storage(url)
    elif not Path(target.database or "").is_file():
        raise BadInput(f"the study's storage is missing: {target.database}")


def absolute(url: str) -> str:
    """Return the URL with an SQLite file's path made absolute, for a resume from another folder."""
    target = parse_url(url)
    if target.get_backend_name() != "sqlite" or not target.database:
        return url
    return target.set(database=str(Path(target.database).resolve())).render_as_string()


def connect(
    url: str,
    check: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> BaseStorage:
    """Open an Optuna storage that waits while its database is away.

    Args:
        url: with the password.
        check: called often while it waits; may raise an exception to stop the waiting.
        say: gets a line when the waiting begins, and another when the database is back.

    Raises:
        BadInput: it cannot be opened.
        StorageFailed: the database stayed away for as long as it is waited for.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # `say` tells of an outage
    target = _with_driver(parse_url(url))
    policy = RetryPolicy(check, say, secret_hider(url))
    try:
        opened = policy.call(lambda: _open(target))
    except StorageFailed as error:
        if error.waited:
            raise
        raise _unreachable(url, error) from None
    except (RuntimeError, TypeError, ValueError) as error:  # of options, too
        raise _unreachable(url, error) from None
    # Optuna's cache, which reads a finished trial once: without it a trial takes more than twice
    # as long at a hundred trials, and ever longer. Optuna means the function for itself; a test
    # checks that it still does this.
    return RetryingStorage(get_storage(opened), policy)


def _open(url: URL) -> RDBStorage:
    """Open Optuna's storage; try again if another process makes its tables at the same moment."""
    text = url.render_as_string(hide_password=False)
    template = text.replace("{", "{{").replace("}", "}}")  # RDBStorage formats it
    for wait in _WAITS:
        try:
            return RDBStorage(template, _engine_options(url))
        except sqlalchemy.exc.DatabaseError as error:
            if not _is_race(error):
                raise
        time.sleep(wait)
    return RDBStorage(template, _engine_options(url))


def _is_race(error: sqlalchemy.exc.DatabaseError) -> bool:
    """Return whether another process made a table, or Optuna's row of its version, just before."""
    message = str(error.orig).lower()
    return "already exists" in message or "unique" in message or "duplicate" in message


@contextmanager
def storage_failures_in_one_line() -> Iterator[None]:
    """Turn the failure of a storage into an error of one line.

    Raises:
        NothingUsable: the storage failed.
    """
    try:
        yield
    except StorageFailed as error:
        waited = f" for {in_minutes(error.waited)}" if error.waited else ""
        raise NothingUsable(
            f"the storage failed ({error.reason}){waited}; what it could save is saved, and once "
            "it works again the same command goes on"
        ) from error


def _with_driver(url: URL) -> URL:
    """Return the URL with the driver that our extra installs, if it names none, and load it.

    Raises:
        BadInput: the driver is not installed, or SQLAlchemy knows no such database.
    """
    backend = url.get_backend_name()
    if url.drivername == backend and backend in _DRIVERS:
        url = url.set(drivername=f"{backend}+{_DRIVERS[backend]}")
    try:
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError:
        shown = redacted(url.render_as_string(hide_password=False))
        rule = "--storage must begin with sqlite:///, postgresql:// or mysql://"
        raise BadInput(f"{rule}, got {shown}") from None
    except ImportError as error:
        raise _driver_missing(url, error) from None
    return url


def _driver_missing(url: URL, error: ImportError) -> BadInput:
    backend = url.get_backend_name()
    shown = redacted(url.render_as_string(hide_password=False))
    reason = (
        f"--storage {shown} needs a driver that cannot be loaded ({str(error).splitlines()[0]})"
    )
    if backend not in _DRIVERS:
        return BadInput(reason)
    return BadInput(
        f'{reason}: pip install "bcauto[{backend}]", and begin the URL with {backend}://'
    )


def _engine_options(url: URL) -> dict[str, Any]:
    """Return options for SQLAlchemy's engine: timeouts, and a test of pooled connections."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_TIMEOUT}}
    defaults = _CONNECT_ARGS.get(url.get_driver_name(), {})
    arguments = {key: value for key, value in defaults.items() if key not in url.query}
    return {"connect_args": arguments, "pool_pre_ping": True}


def _check_sqlite(database: str) -> None:
    if Path(database).name in ("", ":memory:"):
        raise BadInput("--storage: SQLite needs a file, since a study outlives its process")
    file = Path(database)
    folder = file.parent
    if not folder.is_dir():
        raise BadInput(f"--storage: the folder of the SQLite file must exist, got {folder}")
    target = file if file.exists() else folder
    if file.is_dir() or not os.access(target, os.W_OK):
        raise BadInput(f"--storage: the SQLite file must be writable, got {file}")


def _unreachable(url: str, error: Exception) -> BadInput:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return BadInput(f"--storage {redacted(url)} cannot be reached: {secret_hider(url)(reason)}")
