"""The lock of a study: one process searches it at a time.

It is a file in the study's folder that the operating system unlocks when its process ends, however
it ends. A storage may be shared by machines that have folders of their own. There the process also
leaves a sign of life in the study itself, twice a minute.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import optuna

from bcauto.errors import BadInput
from bcauto.io.disk import is_disk_full
from bcauto.storage.outage import OUTAGE_TIMEOUT
from bcauto.study.attributes import SignOfLife, read_sign_of_life, store_sign_of_life
from bcauto.study.folder import StudyFolder

__all__ = ["StudyLock", "locked", "searching_process"]

_BEAT = 30.0  # seconds between two signs of life
_SILENCE = OUTAGE_TIMEOUT + 2 * _BEAT  # seconds without one after which a process counts as dead
_TRIES, _PAUSE = 10, 0.05  # a process that only looks holds the lock for an instant
_NAME_BYTES = 1000


class StudyLock:
    """The lock as its holder has it.

    The lock file has two lines: the name of its holder, and the name of the process that last
    claimed the study from this folder. The second outlives holders that never claim, such as a
    command that deletes files, so that the sign of life of a dead search is known for what it is.

    Args:
        folder: of the study.
        file: the lock file, open and locked.
    """

    def __init__(self, folder: StudyFolder, file: int) -> None:
        self.folder, self._file = folder, file
        self.name = f"{os.getpid()}@{socket.gethostname()}-{secrets.token_hex(3)}"
        self.previous = _read_names(file)[1]
        self._study: optuna.Study | None = None
        self._beaten = 0.0
        self._write(claimed_by=self.previous)

    def claim(self, study: optuna.Study) -> None:
        """Leave a first sign of life in a study whose storage other machines may share.

        Raises:
            BadInput: a process with another folder searches it.
        """
        sign = read_sign_of_life(study)
        recent = sign is not None and sign.seen > time.time() - _SILENCE
        if sign and recent and sign.name not in (self.name, self.previous):
            gone = f"a killed one counts as gone after {_SILENCE:.0f} s"
            raise BadInput(f"{_refusal(self.folder, sign.name)}; {gone}")
        self._write(claimed_by=self.name)
        self._study, self._beaten = study, -_BEAT
        self.beat()

    def beat(self) -> None:
        """Leave a sign of life where one is due; call it often."""
        if self._study is not None and time.monotonic() - self._beaten >= _BEAT:
            store_sign_of_life(self._study, SignOfLife(name=self.name, seen=time.time()))
            self._beaten = time.monotonic()

    def release(self) -> None:
        """Take the sign of life back."""
        if self._study is not None:
            store_sign_of_life(self._study, SignOfLife(name=self.name, seen=0.0))

    def _write(self, claimed_by: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{self.name}\n{claimed_by}".encode(), 0)


@contextmanager
def locked(folder: StudyFolder, advice: str = "wait until it has ended") -> Iterator[StudyLock]:
    """Hold the lock of a study; the folder is made where it is missing.

    Raises:
        BadInput: another process holds it (the message has its process id and host, then
            ``advice``), or the folder cannot be written to, or its files cannot be locked.
    """
    is_new = not folder.path.exists()
    file = _take(folder, advice)
    try:
        lock = StudyLock(folder, file)
        try:
            yield lock
        finally:
            with suppress(Exception):  # the storage is gone; the next one knows this one's name
                lock.release()
    finally:
        if is_new:
            _remove_unused(folder)
        os.close(file)


def searching_process(folder: StudyFolder) -> str | None:
    """The process that holds the lock, such as ``process 7 on host``; None where nobody does."""
    try:
        file = os.open(folder.lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _described(_read_names(file)[0])
    finally:
        os.close(file)
    return None


def _take(folder: StudyFolder, advice: str) -> int:
    """Open the lock file and lock it; a process that only looks at it is waited for."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        file = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
            else:
                return file
    except OSError as error:
        if is_disk_full(error):
            raise
        rule = "a study's folder must be one that can be written to and whose files can be locked"
        raise BadInput(f"{rule}, got {folder.path} ({error.strerror})") from None
    holder, _ = _read_names(file)
    os.close(file)
    raise BadInput(f"{_refusal(folder, holder)}; {advice}")


def _remove_unused(folder: StudyFolder) -> None:
    """Remove a folder that was made for the lock alone, as where a study is refused."""
    with suppress(OSError):
        if list(folder.path.iterdir()) == [folder.lock]:
            folder.lock.unlink()
            folder.path.rmdir()


def _read_names(file: int) -> tuple[str, str]:
    """Return the last holder of the lock file, and who last claimed the study; empty if nobody."""
    holder, _, claimed_by = os.pread(file, _NAME_BYTES, 0).decode(errors="replace").partition("\n")
    return holder, claimed_by


def _refusal(folder: StudyFolder, name: str) -> str:
    return f"study {folder.name!r} is being searched by {_described(name)}"


def _described(name: str) -> str:
    process, _, host = name.partition("@")
    return f"process {process} on {host.rpartition('-')[0]}"
