"""Messages in Python's words: they are written in those of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from bcauto.errors import BcautoError

__all__ = ["in_python"]

_OPTION = re.compile(r"--([a-z][a-z-]*[a-z])( [A-Z]{3,})?")


@contextmanager
def in_python() -> Iterator[None]:
    """Raise bcauto's errors with keywords in their messages, in place of options."""
    try:
        yield
    except BcautoError as error:
        if error.on_command_line is None:
            error.on_command_line = str(error)
            error.args = (_python_words(str(error)),)
        raise


def _python_words(message: str) -> str:
    """Return a message with ``study=NAME`` for ``--study NAME``."""

    def keyword(option: re.Match[str]) -> str:
        return f"{option[1].replace('-', '_')}={(option[2] or '').strip()}"

    return _OPTION.sub(keyword, message).replace("the same command", "the same call")
