"""What pictures are called in messages and in files of predictions."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["printable", "row_name"]


def printable(path: Path | str) -> str:
    """Return a path as text that every file and screen takes, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def row_name(path: Path, index: int) -> str:
    """Return what the picture at an index of an npz file is called."""
    return f"{printable(path)}[{index}]"
