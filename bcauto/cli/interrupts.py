"""SIGINT and SIGTERM as one exception, raised at once or where the caller checks for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bcauto.errors import Interrupted

__all__ = ["Interrupts", "watch_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Remembers the first signal; a second one is raised wherever the program is."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._held = False

    def check(self) -> None:
        """Raises Interrupted where a signal has arrived."""
        if self.received is not None:
            raise Interrupted(self.received)

    @contextmanager
    def held(self, hold: bool) -> Iterator[None]:
        """While it lasts, a first signal waits for ``check``: Ray cannot be left anywhere."""
        self._held = hold
        try:
            yield
        finally:
            self._held = False
        self.check()

    def handle(self, signum: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        first, self.received = self.received is None, self.received or signum
        if not (self._held and first):
            raise Interrupted(self.received)


@contextmanager
def watch_signals() -> Iterator[Interrupts]:
    """Turns both signals into Interrupted, and puts the old handlers back afterwards."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # only the main thread may set handlers
        return
    before = {signum: signal.signal(signum, interrupts.handle) for signum in _SIGNALS}
    try:
        yield interrupts
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
