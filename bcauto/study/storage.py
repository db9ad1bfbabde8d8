"""Optuna storages by URL: reached before work starts, and never shown with a password."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url

from bcauto.errors import BadInput, NothingUsable

__all__ = [
    "absolute",
    "check_exists",
    "check_storage",
    "connect",
    "redacted",
    "storage_failures_in_one_line",
]

_WAITS = (0.1, 0.3, 1.0, 3.0)  # seconds between tries, while tables are being made
_BUSY_TIMEOUT = 60.0  # seconds that SQLite waits for a reader such as the dashboard


def redacted(url: str) -> str:
    """The storage URL without its password.

    Raises:
        BadInput: not a URL of the form ``dialect://...``.
    """
    return _without_password(_parsed(url))


def check_storage(url: str) -> None:
    """Makes sure, without writing, that a storage can be reached.

    Raises:
        BadInput: it cannot; the message has the reason but no password.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        _check_sqlite(parsed.database or "")
        return
    try:
        engine = sqlalchemy.create_engine(parsed, connect_args=_patience(parsed))
        engine.connect().close()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise _unreachable(parsed, error) from None


def absolute(url: str) -> str:
    """The URL with the path of an SQLite file made absolute: a study is resumed from anywhere."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return url
    return f"{parsed.drivername}:///{Path(parsed.database).resolve()}"


def check_exists(url: str) -> None:
    """Makes sure that a storage can be reached and, where it is a file, that it is there.

    Raises:
        BadInput: it cannot, or is not.
    """
    check_storage(url)
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise BadInput(f"the study's storage is missing: {parsed.database}")


def connect(url: str) -> RDBStorage:
    """An open Optuna storage.

    Raises:
        BadInput: it cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    parsed = _parsed(url)
    try:
        return _opened(url, parsed)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:
        raise _unreachable(parsed, error) from None


def _opened(url: str, parsed: URL) -> RDBStorage:
    """The storage; tried again where another process makes its tables at the same moment."""
    engine = {"connect_args": _patience(parsed)}
    for wait in _WAITS:
        try:
            return RDBStorage(url, engine_kwargs=engine)
        except sqlalchemy.exc.DatabaseError as error:
            if not _is_race(error):
                raise
        time.sleep(wait)
    return RDBStorage(url, engine_kwargs=engine)


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
    except optuna.exceptions.StorageInternalError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise NothingUsable(
            f"the storage failed ({reason}); what it could save is saved, and once it works "
            "again the same command goes on"
        ) from error


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise BadInput(
            "--storage must be a URL such as sqlite:///study.db or "
            f"postgresql://user@host/database, got {url!r}"
        ) from None


def _without_password(url: URL) -> str:
    query = {key: value for key, value in url.query.items() if "password" not in key.lower()}
    bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query)
    return bare.render_as_string()


def _secrets(url: URL) -> list[str]:
    hidden = [value for key, value in url.query.items() if "password" in key.lower()]
    return [str(secret) for secret in (url.password, *hidden) if secret]


def _patience(url: URL) -> dict[str, float]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": _BUSY_TIMEOUT}
    return {"connect_timeout": 10}


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


def _unreachable(url: URL, error: Exception) -> BadInput:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    for secret in _secrets(url):
        reason = reason.replace(secret, "***")
    return BadInput(f"--storage {_without_password(url)} cannot be reached: {reason}")
