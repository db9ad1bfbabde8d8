"""Storage URLs, shown without what is secret in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from bcauto.errors import BadInput

__all__ = ["hidden", "parsed", "redacted"]

_SECRET = re.compile(r"pass(wor|w)?d|pwd|secret|token|scram|odbc_connect", re.IGNORECASE)
_PORT = re.compile(r"(?<=://)([^:/?]*):[^/?]*")  # a password, where the host was left out


def parsed(url: str) -> URL:
    """A storage URL in its parts.

    Raises:
        BadInput: not a URL of the form ``dialect://...``.
    """
    try:
        found = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise _malformed(url) from None
    if "@" in (found.host or ""):
        raise _malformed(url)
    return found


def redacted(url: str) -> str:
    """The storage URL without its password.

    Raises:
        BadInput: not a URL of the form ``dialect://...``.
    """
    whole = parsed(url)
    query = {key: value for key, value in whole.query.items() if not _SECRET.search(key)}
    parts = (whole.username, None, whole.host, whole.port, whole.database, query)
    return URL.create(whole.drivername, *parts).render_as_string()


def hidden(url: str) -> Callable[[str], str]:
    """Takes what is secret in a storage URL out of a text, however it is written there."""
    forms = sorted(set(_forms(parsed(url))), key=len, reverse=True)

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, "***")
        return text

    return hide


def _forms(url: URL) -> Iterator[str]:
    values = [value for key, value in url.query.items() if _SECRET.search(key)]
    single = [one for value in values for one in ([value] if isinstance(value, str) else value)]
    for secret in (str(url.password or ""), *single):
        if secret:
            yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
            escaped = secret.replace("\\", "\\\\")  # as Python and libpq quote it
            yield from (escaped, escaped.replace("'", "\\'"))


def _malformed(url: str) -> BadInput:
    """What is no URL may hold a password none the less."""
    head, at, tail = url.rpartition("@")
    shown = f"{head.partition(':')[0]}:***@{tail}" if at else _PORT.sub(r"\1:***", url)
    return BadInput(
        "--storage must be a URL such as sqlite:///study.db or postgresql://user@host/database "
        "(in a password, @ : / ? and % are written as %40 %3A %2F %3F and %25), "
        f"got {shown.partition('?')[0]!r}"
    )
