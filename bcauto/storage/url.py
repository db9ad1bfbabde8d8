"""Storage URLs: taken apart, made for an SQLite file, and shown without their passwords."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from bcauto.errors import BadInput

__all__ = ["parse_url", "redacted", "secret_hider", "sqlite_url"]

_SECRET_KEY = re.compile(r"pass(wor|w)?d|pwd|secret|token|scram|odbc_connect", re.IGNORECASE)
_SQLITE = re.compile(r"(?P<driver>sqlite(\+\w+)?)://(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_SQLITE_OPTIONS = frozenset(
    {"timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}
    | {"uri", "mode", "cache", "vfs", "nolock", "immutable", "psow"}
)
_PORT = re.compile(r"(?<=://)([^:/?]*):[^/?]*")  # or a password, in "user:password" without a host


def parse_url(url: str) -> URL:
    """Return a storage URL in its parts.

    Raises:
        BadInput: it is not of the form ``dialect://...``; the message shows no password.
    """
    if sqlite := _SQLITE.fullmatch(url):
        return _parse_sqlite(sqlite["driver"].lower(), sqlite["rest"])
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise _not_a_url(url) from None
    if "@" in (parsed.host or ""):  # of a password that was not encoded
        raise _not_a_url(url)
    return parsed


def _parse_sqlite(driver: str, rest: str) -> URL:
    """Return the URL of an SQLite file; its path may be written as it is or percent-encoded.

    Of the two readings, the one that exists is meant. What follows a ``?`` is of the path too,
    unless it is an option; SQLAlchemy would drop it, and write another file.
    """
    if rest and not rest.startswith("/"):
        raise BadInput(f"--storage: SQLite's URL has three slashes, sqlite:///{rest}; got two")
    path, _, options = rest[1:].rpartition("?")
    query = dict(parse_qsl(options, keep_blank_values=True))
    if not query or not query.keys() <= _SQLITE_OPTIONS or "/" in options:
        path, query = rest[1:], {}
    decoded = unquote(path)
    as_it_is = _how_much_exists(path) > _how_much_exists(decoded)
    return URL.create(driver, database=path if as_it_is else decoded, query=query)


def _how_much_exists(file: str) -> int:
    """Return 2 for a file that exists, 1 where only its folder does, 0 for neither."""
    with suppress(OSError):  # no name that a file could have
        return 2 if Path(file).exists() else int(Path(file).parent.is_dir())
    return 0


def sqlite_url(file: Path) -> str:
    """Return the URL of an SQLite file, whose path may have any characters."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def redacted(url: str) -> str:
    """Return a storage URL without its password, nor any secret in its query.

    Raises:
        BadInput: it is not of the form ``dialect://...``.
    """
    parsed = parse_url(url)
    query = {key: value for key, value in parsed.query.items() if not _SECRET_KEY.search(key)}
    parts = (parsed.username, None, parsed.host, parsed.port, parsed.database, query)
    return URL.create(parsed.drivername, *parts).render_as_string()


def secret_hider(url: str) -> Callable[[str], str]:
    """Return a function that replaces the secrets of a storage URL in a text with ``***``.

    They are found in each of the forms in which drivers quote them.
    """
    forms = sorted(set(_forms_of_secrets(parse_url(url))), key=len, reverse=True)

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, "***")
        return text

    return hide


def _forms_of_secrets(url: URL) -> Iterator[str]:
    values = [value for key, value in url.query.items() if _SECRET_KEY.search(key)]
    single = [one for value in values for one in ([value] if isinstance(value, str) else value)]
    for secret in (str(url.password or ""), *single):
        if secret:
            yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
            escaped = secret.replace("\\", "\\\\")  # as Python and libpq quote it
            yield from (escaped, escaped.replace("'", "\\'"))


def _not_a_url(text: str) -> BadInput:
    """Return the error for a text that is no URL; it may hold a password all the same."""
    head, at, tail = text.rpartition("@")
    shown = f"{head.partition(':')[0]}:***@{tail}" if at else _PORT.sub(r"\1:***", text)
    is_path = bool(text) and not {*text} & {":", "@", "?", "\n"}
    file = f"; for a file of this name give sqlite:///{text}" if is_path else ""
    return BadInput(
        "--storage must be a URL such as sqlite:///study.db or postgresql://user@host/database "
        "(in a password, @ : / ? and % are written as %40 %3A %2F %3F and %25), "
        f"got {shown.partition('?')[0]!r}{file}"
    )
