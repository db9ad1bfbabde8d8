"""The steps of an inspection: told as they begin, and timed."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Steps", "Tell"]

Tell = Callable[[str], None]
"""Is told what is being done."""


class Steps:
    """Tells of each step, and keeps how many seconds it took by its name."""

    def __init__(self, tell: Tell) -> None:
        self.seconds: dict[str, float] = {}
        self._tell = tell
        self._name, self._began = "", time.perf_counter()

    def begin(self, name: str) -> None:
        """Begin a step, which ends the one before."""
        self.end()
        self._name, self._began = name, time.perf_counter()
        self._tell(name)

    def end(self) -> None:
        """End the step that goes on."""
        if self._name:
            self.seconds[self._name] = time.perf_counter() - self._began
        self._name = ""
