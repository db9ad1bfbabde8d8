"""Files that appear whole or not at all; a trial's go to the driver's disk wherever it ran."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

__all__ = ["Files", "LocalFiles", "half_written", "is_running", "scratch", "writing"]

_WRITER = re.compile(r"\..+\.(\d+)\.partial")  # the process in a half-written file's name
_SCRATCH = Path("/tmp")
"""Whatever ``TMPDIR`` says, as Ray's own: Ray makes sockets there, whose paths must stay under 104
to 108 characters."""


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Gives a path beside a file, which replaces it at the end and is gone after an error.

    The suffix is the file's. The folder is made where it is missing. Once it is replaced it lasts,
    also through a power cut.
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
    """Returns when a file or a folder is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def half_written(folder: Path) -> Iterator[Path]:
    """The files in a folder or below that ``writing`` had begun in a process that is dead."""
    for path in sorted(folder.rglob(".*.partial*")):
        writer = _WRITER.match(path.name)
        if path.is_file() and not (writer and is_running(int(writer[1]))):
            yield path


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A folder of this process that is gone afterwards; those of killed ones go, too."""
    _sweep()
    folder = tempfile.mkdtemp(prefix=f"bcauto-{purpose}-{os.getpid()}-", dir=_SCRATCH)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Deletes the folders of this user's processes that are dead."""
    for path in _SCRATCH.glob("bcauto-*"):
        named = re.fullmatch(r"bcauto-[a-z]+-(\d+)-\w+", path.name)
        with suppress(FileNotFoundError):  # another process sweeps, too
            if named and path.lstat().st_uid == os.getuid() and not is_running(int(named[1])):
                shutil.rmtree(path, ignore_errors=True)


def is_running(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it is somebody else's
    return True


class Files(Protocol):
    """Reads and writes files of the driver's, by their paths there."""

    def writing(self, path: Path) -> AbstractContextManager[Path]:
        """Gives a path of this machine to write to; what lies there at the end becomes the file."""
        ...

    def read(self, path: Path) -> bytes | None:
        """What is in the file; None where there is none."""
        ...


class LocalFiles:
    """Files of a driver on this machine."""

    def writing(self, path: Path) -> AbstractContextManager[Path]:
        """Gives a path beside the file, which replaces it at the end."""
        return writing(path)

    def read(self, path: Path) -> bytes | None:
        """What is in the file; None where there is none."""
        return path.read_bytes() if path.exists() else None
