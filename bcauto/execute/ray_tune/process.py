"""The process that trains under Ray: it holds Keras, the data and the proxy.

It does without Tune, whose import would take each training process two seconds and 100 MB.
"""

from __future__ import annotations

import ctypes
import queue
import resource
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from bcauto.execute.contract import Runner, attempt
from bcauto.trial import Job, Outcome, TrialStopped

__all__ = ["EpochReport", "TrainerProcess"]


@dataclass(frozen=True)
class EpochReport:
    """The score of one epoch, as it is sent to the driver."""

    epoch: int
    score: float


class TrainerProcess:
    """A Ray actor that trains: one job at a time in a thread, one message per ``advance``.

    Between two messages the training waits, so that what the driver decides on a report takes
    effect before the next epoch begins.
    """

    def __init__(
        self, payload: list[ray.ObjectRef], make_runner: Callable[[Any, int], Runner], threads: int
    ) -> None:
        self._runner = make_runner(ray.get(payload[0]), threads)
        self._messages: queue.Queue[EpochReport | Outcome] = queue.Queue()
        self._go_on = threading.Semaphore(0)
        self._stop = False
        self._thread: threading.Thread | None = None

    def begin(self, job: Job) -> EpochReport | Outcome:
        """End what still runs, start a job, and wait for its first message."""
        self._end_thread()
        self._thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self._thread.start()
        return self._messages.get()

    def advance(self) -> EpochReport | Outcome:
        """Let the job go on, and wait for its next message."""
        self._go_on.release()
        return self._messages.get()

    def memory(self) -> int:
        """Return the memory that this process holds, in bytes; its peak where only that is known.

        First the allocator gives freed memory back to the system.
        """
        with suppress(OSError, AttributeError):  # only the GNU C library has it
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            return pages * resource.getpagesize()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def _run(self, job: Job) -> None:
        with suppress(TrialStopped):  # then no message is waited for any more
            self._messages.put(attempt(self._runner, job, self._report))

    def _report(self, epoch: int, score: float) -> None:
        self._messages.put(EpochReport(epoch, score))
        self._go_on.acquire()
        if self._stop:
            raise TrialStopped

    def _end_thread(self) -> None:
        if self._thread is None:
            return
        if self._thread.is_alive():
            self._stop = True
            self._go_on.release()
        self._thread.join()
        self._stop, self._go_on, self._thread = False, threading.Semaphore(0), None
        self._messages = queue.Queue()  # a late message of that job is none of the next one's
