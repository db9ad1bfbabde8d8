"""What an executor is given, and what it owes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bcauto.errors import TrialFailed
from bcauto.study import Ledger
from bcauto.trial import Failure, Job, Outcome, Report, TrialResult, TrialStopped

__all__ = ["Executor", "Runner", "Slots", "Work", "attempt"]

_TRACEBACK_LINES = 12


class Runner(Protocol):
    """Runs trials in the process that trains, one after another."""

    def run(self, job: Job, report: Report) -> TrialResult:
        """Runs one trial; may raise TrialFailed, and lets TrialStopped pass."""
        ...


@dataclass
class Work:
    """What trials need besides their job.

    Attributes:
        payload: large read-only data, which travels to a node once.
        nbytes: its size in bytes.
        make_runner: an importable function of (payload, CPU threads) that gives a Runner; it is
            called where training happens, and may take seconds.
    """

    payload: Any
    nbytes: int
    make_runner: Callable[[Any, int], Runner]


@dataclass(frozen=True)
class Slots:
    """How many trials run at a time, and what each gets: CPU threads, share of GPUs."""

    workers: int
    threads: int
    gpus: float = 0.0


class Executor(Protocol):
    """Runs jobs until the ledger is over.

    It closes every job it took, whatever happens, and raises ``ledger.broken`` where that is
    set. ``check`` is called often, and may raise to end everything: then the live jobs are
    released.
    """

    def run(self, ledger: Ledger, work: Work, check: Callable[[], None]) -> None:
        """Takes jobs from the ledger until there are no more."""
        ...


def attempt(runner: Runner, job: Job, report: Report) -> Outcome:
    """Runs one job; an exception becomes a Failure, and only TrialStopped passes."""
    try:
        return runner.run(job, report)
    except TrialStopped:
        raise
    except TrialFailed as error:
        return Failure(str(error))
    except Exception as error:  # whatever a trial does, the search goes on
        lines = traceback.format_exc().splitlines()
        said = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
        return Failure(reason, "\n".join(lines[-_TRACEBACK_LINES:]))
