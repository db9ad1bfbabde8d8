"""Trials one after another in this process: for debugging, and where Ray is not wanted.

A crash of native code ends the search here; the next run of it goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from bcauto.execute.contract import Runner, Slots, Work, attempt
from bcauto.study import Ledger
from bcauto.trial import Job, TrialStopped

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Runs the ledger's jobs in this process."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def run(self, ledger: Ledger, work: Work, check: Callable[[], None]) -> None:
        """Takes jobs from the ledger until there are no more."""
        try:
            runner = work.make_runner(work.payload, self.slots.threads)
            while (job := ledger.next_job()) is not None:
                _run_job(ledger, runner, job, check)
        finally:
            ledger.release("interrupted")
        if ledger.broken:
            raise ledger.broken


def _run_job(ledger: Ledger, runner: Runner, job: Job, check: Callable[[], None]) -> None:
    def report(epoch: int, score: float) -> None:
        check()
        if ledger.report(job.number, epoch, score):
            raise TrialStopped

    try:
        ledger.close(job.number, attempt(runner, job, report))
    except TrialStopped:
        ledger.stopped(job.number)
