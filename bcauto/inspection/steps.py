"""The steps of an inspection: told as they begin, and timed."""

from __future__ import annotations

import time

from bcauto.progress import tell

__all__ = ["Steps"]


class Steps:
    """Tells of each step, and keeps how many seconds it took by its name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._began = "", time.perf_counter()

    def begin(self, name: str) -> None:
        """Begin a step, which ends the one before."""
        self.end()
        self._name, self._began = name, time.perf_counter()
        tell(name)

    def end(self) -> None:
        """End the step that goes on."""
        if self._name:
            self.seconds[self._name] = time.perf_counter() - self._began
        self._name = ""
