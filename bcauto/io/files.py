"""Files that appear whole or not at all, temporary folders, and the store of a trial's files."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

__all__ = [
    "FileStore",
    "LocalFileStore",
    "abandoned_files",
    "atomic_write",
    "is_running",
    "temporary_folder",
]

_WRITER = re.compile(r"\..+\.(\d+)\.partial")  # the process in a partial file's name
_TEMPORARY = Path("/tmp")
"""Not ``TMPDIR``: Ray makes sockets there, whose paths must stay under 104 to 108 characters."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; the file there replaces ``path`` at the end.

    It has the same suffix. After an error it is deleted, and ``path`` stays as it was. A missing
    folder is made. The new file survives a power cut.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
        with suppress(OSError):  # some network file systems sync no folders
            _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def abandoned_files(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder or below that a dead process was writing."""
    for path in sorted(folder.rglob(".*.partial*")):
        writer = _WRITER.match(path.name)
        if path.is_file() and not (writer and is_running(int(writer[1]))):
            yield path


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield an empty folder, deleted afterwards; delete those of killed processes first.

    Args:
        purpose: lower-case letters in its name.
    """
    _delete_abandoned_folders()
    folder = tempfile.mkdtemp(prefix=f"bcauto-{purpose}-{os.getpid()}-", dir=_TEMPORARY)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _delete_abandoned_folders() -> None:
    """Delete the temporary folders of this user's dead processes."""
    for path in _TEMPORARY.glob("bcauto-*"):
        named = re.fullmatch(r"bcauto-[a-z]+-(\d+)-\w+", path.name)
        with suppress(FileNotFoundError):  # another process deletes it, too
            if named and path.lstat().st_uid == os.getuid() and not is_running(int(named[1])):
                shutil.rmtree(path, ignore_errors=True)


def is_running(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it runs, as another user
    return True


class FileStore(Protocol):
    """Reads and writes files on the driver's disk, from wherever a trial runs."""

    def atomic_write(self, path: Path) -> AbstractContextManager[Path]:
        """Yield a path on this machine; the file there becomes the driver's file at the end."""
        ...

    def read(self, path: Path) -> bytes | None:
        """Return the content of the driver's file; None if there is none."""
        ...


class LocalFileStore:
    """The store of a driver on this machine."""

    def atomic_write(self, path: Path) -> AbstractContextManager[Path]:
        """Yield a path beside the file, which it replaces at the end."""
        return atomic_write(path)

    def read(self, path: Path) -> bytes | None:
        """Return the content of the file; None if there is none."""
        return path.read_bytes() if path.exists() else None
