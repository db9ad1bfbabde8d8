"""What pictures are called in messages and in files of predictions."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["printable", "row_name"]


_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
"""Control characters, and what Python makes of bytes that are no UTF-8."""


def printable(path: Path | str) -> str:
    r"""Return a path as text that every file and screen takes, whatever bytes its name has.

    >>> print(printable("a\x1b[2J\n"))
    a\x1b[2J\x0a
    """
    return _UNPRINTABLE.sub(_escaped, str(path))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # stands for a byte
        code -= 0xDC00
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def row_name(path: Path, index: int) -> str:
    """Return what the picture at an index of an npz file is called."""
    return f"{printable(path)}[{index}]"
