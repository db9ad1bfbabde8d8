"""Room on the disk: how much a search needs, and one clear line when a disk is full."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bcauto.errors import BadInput, NothingUsable, first_line

__all__ = ["check_room", "disk_failures_in_one_line", "existing_part", "is_disk_full"]

_LEAST = 512 * 2**20  # bytes: the proxy, the database, a few small models
_SPARE_MODELS = 4  # as large as the largest so far: partial files, and models to come

_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("No space left on device", "Disk quota exceeded", "database or disk is full")
"""Texts of h5py, Keras and SQLite in errors without a number."""


def check_room(folder: Path, unwritten: int = 0) -> None:
    """Check that a search fits on the disk of a folder, which need not exist yet.

    Args:
        folder: the study's folder.
        unwritten: bytes of large files that the search is about to write there.

    Raises:
        BadInput: there is less room than the search needs.
    """
    free, needed = _free(folder), _needed(folder) + unwritten
    if free < needed:
        raise BadInput(f"a search needs {_mib(needed)} of free disk in {folder}, got {_mib(free)}")


def existing_part(path: Path) -> Path:
    """Return the path if it exists, or else the nearest folder above it that does."""
    whole = path.resolve()
    return next(part for part in (whole, *whole.parents) if part.exists())


def is_disk_full(error: BaseException) -> bool:
    """Return whether an exception, or one that caused it, says that a disk is full."""
    if isinstance(error, OSError) and error.errno in _ERRORS:
        return True
    if any(word in str(error) for word in _WORDS):
        return True
    cause = error.__cause__ or error.__context__
    return cause is not None and is_disk_full(cause)


@contextmanager
def disk_failures_in_one_line(folder: Path, unwritten: Callable[[], int]) -> Iterator[None]:
    """Turn the error of a full disk into one line, with the room that is needed.

    Args:
        folder: the study's folder.
        unwritten: returns the bytes of large files that are still to be written there.

    Raises:
        NothingUsable: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if not is_disk_full(error):
            raise
        free, needed = _free(folder), _needed(folder) + unwritten()
        if free < needed:
            why = f": a search needs {_mib(needed)} free in {folder}, got {_mib(free)}"
        elif isinstance(error, NothingUsable):  # a database's disk, which the message names
            raise
        else:  # a temporary folder's disk, here or on another machine
            why = f" ({first_line(error)})"
        raise NothingUsable(
            f"the disk is full{why}; all trials that ended are saved, and once there is room the "
            "same command goes on"
        ) from error


def _needed(folder: Path) -> int:
    models = [path.stat().st_size for path in folder.rglob("*.keras")]
    return max(_LEAST, _SPARE_MODELS * max(models, default=0))


def _free(folder: Path) -> int:
    return shutil.disk_usage(existing_part(folder)).free


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
