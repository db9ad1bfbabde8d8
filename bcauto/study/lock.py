"""The drivers of a study: the processes that search it, alive or dead.

Each holds a lock in the study's folder, which the system lets go of when it dies. Drivers on
machines that share the storage alone show that they are alive in the study itself.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Protocol

import optuna

from bcauto.errors import BadInput
from bcauto.io.disk import is_disk_full
from bcauto.storage.retrying import PATIENCE
from bcauto.study.folder import StudyFolder

__all__ = ["Alone", "Drivers", "Peers", "driving", "living_drivers"]

_BEAT = 30.0  # seconds between two signs of life
_SILENCE = PATIENCE + 2 * _BEAT  # without one, until a driver elsewhere counts as dead
_JOIN = "--join searches it together with them"
_SIGN = "driver "  # what the names of the study's attributes with signs of life begin with


class Peers(Protocol):
    """What a ledger knows of the drivers of its study."""

    own: str
    """The name of this one."""

    def alive(self, driver: str | None, /) -> bool:
        """Whether a driver is alive; without a name, whether another one may be."""
        ...

    def beat(self) -> None:
        """Shows that this driver is alive; called often."""
        ...

    def drawing(self) -> AbstractContextManager[None]:
        """While it lasts, no other driver sees whether a trial is missing, or draws one."""
        ...


class Alone:
    """The only driver that a study has."""

    own = "this process"

    def alive(self, _driver: str | None) -> bool:
        """None is, but for this one, which knows its trials."""
        return False

    def beat(self) -> None:
        """Nobody looks."""

    def drawing(self) -> AbstractContextManager[None]:
        """Nobody else draws."""
        return nullcontext()


class Drivers:
    """The drivers of a study, as one of them sees them.

    Attributes:
        own: the name of this one.
        joined: whether others were there before it.
    """

    def __init__(self, folder: StudyFolder, own: str, joined: bool) -> None:
        self.folder, self.own, self.joined = folder, own, joined
        self._study: optuna.Study | None = None
        self._beaten = -_BEAT

    def open(self, study: optuna.Study, join: bool) -> None:
        """Shows this driver to those that share the storage alone.

        Raises:
            BadInput: one of those is alive, and ``join`` is not set.
        """
        self._study = study
        self._bury()
        others = self._elsewhere()
        if others and not join:
            gone = f"a killed one counts as gone after {_SILENCE:.0f} s"
            raise BadInput(f"{_searched(self.folder.name, others)}; {_JOIN}; {gone}")
        self.joined = self.joined or bool(others)
        self.beat()

    def close(self) -> None:
        """This driver is gone."""
        if self._study is not None:
            self._study.set_user_attr(_SIGN + self.own, 0.0)

    def alive(self, driver: str | None) -> bool:
        """Whether a driver is alive; without a name, whether another one may be."""
        others = {*living_drivers(self.folder), *self._elsewhere()} - {self.own}
        return bool(others) if driver is None else driver == self.own or driver in others

    def beat(self) -> None:
        """Shows that this driver is alive, twice a minute at the most."""
        if self._study is not None and time.monotonic() - self._beaten >= _BEAT:
            self._study.set_user_attr(_SIGN + self.own, time.time())
            self._beaten = time.monotonic()

    def drawing(self) -> AbstractContextManager[None]:
        """While it lasts, no other driver that shares the study's folder draws a trial."""
        return _one_at_a_time(self.folder)

    def _elsewhere(self) -> list[str]:
        """Drivers without a lock here that showed themselves a short while ago."""
        assert self._study is not None  # it is open
        signs = self._study.user_attrs
        names = [name.removeprefix(_SIGN) for name in signs if name.startswith(_SIGN)]
        here = set(_locks(self.folder))
        recent = time.time() - _SILENCE
        return [n for n in names if n not in here and signs[_SIGN + n] > recent and n != self.own]

    def _bury(self) -> None:
        """Takes dead drivers' last signs of life from the study, then their locks."""
        assert self._study is not None  # it is open
        with _one_at_a_time(self.folder):  # or a lock that is made, and not held yet, looks dead
            dead = set(_locks(self.folder)) - set(living_drivers(self.folder))
        signs = self._study.user_attrs
        for name in dead:
            if _SIGN + name in signs:
                self._study.set_user_attr(_SIGN + name, 0.0)
            (self.folder.drivers / f"{name}.lock").unlink(missing_ok=True)


@contextmanager
def driving(folder: StudyFolder, join: bool = False, advice: str = _JOIN) -> Iterator[Drivers]:
    """Makes this process a driver of the study, as long as it lasts.

    Raises:
        BadInput: another is alive (the message has its process id and host, and the advice), and
            ``join`` is not set; or the folder cannot be written to, or its files locked.
    """
    own = f"{os.getpid()}@{socket.gethostname()}-{secrets.token_hex(3)}"
    path = folder.drivers / f"{own}.lock"
    with _lockable(folder), _one_at_a_time(folder):
        others = living_drivers(folder)
        if others and not join:
            raise BadInput(f"{_searched(folder.name, others)}; {advice}")
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(file, fcntl.LOCK_EX)
    drivers = Drivers(folder, own, joined=bool(others))
    try:
        yield drivers
    finally:
        with suppress(Exception):  # a storage that is gone: the lock stays, for another to bury
            drivers.close()
            path.unlink(missing_ok=True)
        os.close(file)


@contextmanager
def _lockable(folder: StudyFolder) -> Iterator[None]:
    """Makes the folder of the locks, and says in one line where they cannot be made."""
    try:
        folder.drivers.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if is_disk_full(error):
            raise
        rule = "a study's folder must be one that can be written to and whose files can be locked"
        raise BadInput(f"{rule}, got {folder.path} ({error.strerror})") from None


def living_drivers(folder: StudyFolder) -> list[str]:
    """The names of the drivers of a study's folder that are alive, this process' own included."""
    return [name for name, path in _locks(folder).items() if _is_held(path)]


def _searched(study: str, drivers: list[str]) -> str:
    who = " and ".join(map(_described, drivers))
    return f"study {study!r} is being searched by {who}"


def _described(driver: str) -> str:
    process, _, host = driver.partition("@")
    return f"process {process} on {host.rpartition('-')[0]}"


def _locks(folder: StudyFolder) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.drivers.glob("*.lock"))}


def _is_held(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # its driver left at this very moment
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


@contextmanager
def _one_at_a_time(folder: StudyFolder) -> Iterator[None]:
    """While it lasts, no other process becomes a driver, or draws a trial as one."""
    # A file, since a network file system locks a folder for one machine alone.
    file = os.open(folder.drivers / "turn", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
