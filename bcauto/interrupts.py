"""SIGINT, SIGTERM and SIGHUP as one exception, raised at once or when the caller checks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bcauto.errors import Interrupted

__all__ = ["Interrupts", "interrupted_with", "watch_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_WAITING = 3  # signals; with the last of them, none waits any longer


class Interrupts:
    """Remembers the first signal, and raises it when it may."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._held = False
        self._count = 0

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self.received is not None:
            raise Interrupted(self.received)

    @contextmanager
    def held(self, hold: bool) -> Iterator[None]:
        """Let signals wait for ``check``, since Ray must not be interrupted at any point.

        The third Ctrl-C is raised at once.
        """
        self._held = hold
        try:
            yield
        finally:
            self._held = False
        self.check()

    def handle(self, signum: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.received, self._count = self.received or signum, self._count + 1
        if not self._held or self._count >= _MOST_WAITING:
            raise Interrupted(self.received)


@contextmanager
def interrupted_with(outcome: str) -> Iterator[None]:
    """Let what is written clean up after a signal, whose message then tells this outcome."""
    with watch_signals():
        try:
            yield
        except Interrupted as error:
            error.outcome = outcome
            raise


@contextmanager
def watch_signals() -> Iterator[Interrupts]:
    """Turn the signals into Interrupted, and put the old handlers back afterwards.

    SIGHUP stays ignored where it is, as under nohup. SIGINT is handled also in a background job
    of a script, which begins with it ignored.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # only the main thread may set handlers
        return
    detached = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = [signum for signum in _SIGNALS if not (detached and signum == signal.SIGHUP)]
    before = {signum: signal.signal(signum, interrupts.handle) for signum in heard}
    try:
        yield interrupts
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
