"""Optuna storages by URL: reached before work starts, and never shown with a password."""

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
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL

from bcauto.errors import BadInput, NothingUsable
from bcauto.storage.retrying import Patience, PatientStorage, StorageFailed, in_minutes
from bcauto.storage.url import hidden, parsed, redacted

__all__ = [
    "absolute",
    "check_exists",
    "check_storage",
    "connect",
    "redacted",
    "storage_failures_in_one_line",
]

_WAITS = (0.1, 0.3, 1.0, 3.0)  # seconds between tries, while tables are being made
_BUSY_TIMEOUT = 10.0  # seconds that SQLite waits for a reader such as the dashboard, unheard
_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql"}  # that the extras of these names install
_SILENCE = 30  # seconds until a server that answers nothing any more counts as lost
_LIBPQ = {
    "connect_timeout": 10,
    "tcp_user_timeout": 1000 * _SILENCE,
    "keepalives_idle": _SILENCE,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_PYMYSQL = {"connect_timeout": 10, "read_timeout": 60, "write_timeout": 60}  # locks wait for 50
_SERVERS = {"psycopg": _LIBPQ, "psycopg2": _LIBPQ, "pymysql": _PYMYSQL}


def check_storage(url: str) -> None:
    """Makes sure, without writing, that a storage can be reached.

    Raises:
        BadInput: it cannot; the message has the reason but no password.
    """
    target = _driven(parsed(url))
    if target.get_backend_name() == "sqlite":
        _check_sqlite(target.database or "")
        return
    try:
        sqlalchemy.create_engine(target, **_engine(target)).connect().close()
    except Exception as error:  # a driver raises anything for options that it cannot take
        raise _unreachable(url, error) from None


def absolute(url: str) -> str:
    """The URL with the path of an SQLite file made absolute: a study is resumed from anywhere."""
    target = parsed(url)
    if target.get_backend_name() != "sqlite" or not target.database:
        return url
    return f"{target.drivername}:///{Path(target.database).resolve()}"


def check_exists(url: str) -> None:
    """Makes sure that a storage can be read: a file may be on a disk that cannot be written to.

    Raises:
        BadInput: it cannot be reached, or the file is not there.
    """
    target = parsed(url)
    if target.get_backend_name() != "sqlite":
        check_storage(url)
    elif not Path(target.database or "").is_file():
        raise BadInput(f"the study's storage is missing: {target.database}")


def connect(
    url: str,
    check: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> RDBStorage:
    """An open Optuna storage, which waits for a database that is away for a while.

    Args:
        url: of the storage, with its password.
        check: called often while it waits; may raise, to end it.
        say: told when it begins to wait, and when the database is back.

    Raises:
        BadInput: it cannot be opened.
        StorageFailed: the database is away, and was for as long as it waits.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # an outage is told in a line
    target = _driven(parsed(url))
    patience = Patience(check, say, hidden(url))
    try:
        return patience.call(lambda: _opened(target, patience))
    except StorageFailed as error:
        if error.waited:
            raise
        raise _unreachable(url, error) from None
    except (RuntimeError, TypeError) as error:
        raise _unreachable(url, error) from None


def _opened(url: URL, patience: Patience) -> PatientStorage:
    """The storage; tried again where another process makes its tables at the same moment."""
    text = url.render_as_string(hide_password=False)
    for wait in _WAITS:
        try:
            return PatientStorage(text, _engine(url), patience)
        except sqlalchemy.exc.DatabaseError as error:
            if not _is_race(error):
                raise
        time.sleep(wait)
    return PatientStorage(text, _engine(url), patience)


def _is_race(error: sqlalchemy.exc.DatabaseError) -> bool:
    """Whether a table, or Optuna's own row of its version, was there a moment later."""
    words = str(error.orig).lower()
    return "already exists" in words or "unique" in words or "duplicate" in words


@contextmanager
def storage_failures_in_one_line() -> Iterator[None]:
    """Turns what a failing storage raises into one line.

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


def _driven(url: URL) -> URL:
    """The URL with the driver that our extra installs, where it names none; loaded.

    Raises:
        BadInput: the driver is not installed, or SQLAlchemy knows no such database.
    """
    backend = url.get_backend_name()
    if url.drivername == backend and backend in _DRIVERS:
        url = url.set(drivername=f"{backend}+{_DRIVERS[backend]}")
    try:
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise _unreachable(url.render_as_string(hide_password=False), error) from None
    except ImportError as error:
        raise _without_driver(url, error) from None
    return url


def _without_driver(url: URL, error: ImportError) -> BadInput:
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


def _engine(url: URL) -> dict[str, Any]:
    """How SQLAlchemy should connect: not for ever, and not over a connection that is broken."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_TIMEOUT}}
    known = _SERVERS.get(url.get_driver_name(), {})
    given = {key: value for key, value in known.items() if key not in url.query}
    return {"connect_args": given, "pool_pre_ping": True}


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
    return BadInput(f"--storage {redacted(url)} cannot be reached: {hidden(url)(reason)}")
