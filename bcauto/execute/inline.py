"""Trials one after another in this process: for debugging, and where Ray is not wanted.

A crash of native code ends the search; the same command goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable

from bcauto.execute.contract import Runner, Slots, Work, attempt
from bcauto.study.ledger import Ledger
from bcauto.trial import Job, TrialStopped

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Runs the ledger's jobs in this process."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def run(self, ledger: Ledger, work: Work, check: Callable[[], None]) -> None:
        """Take jobs from the ledger until there are no more."""
        try:
            runner = work.make_runner(work.payload, self.slots.threads)
            while not ledger.over:
                check()
                job = ledger.next_job()
                if job is not None:
                    _run_job(ledger, runner, job, check)
        finally:
            ledger.release("the search was stopped while it ran")
        if ledger.broken:
            raise ledger.broken


def _run_job(ledger: Ledger, runner: Runner, job: Job, check: Callable[[], None]) -> None:
    errors: list[Exception] = []

    def report(epoch: int, score: float) -> None:
        try:
            check()
            stop = ledger.report(job.number, epoch, score)
        except Exception as error:  # the storage's, say: not the trial's fault
            errors.append(error)
            stop = True
        if stop:
            raise TrialStopped

    try:
        outcome = attempt(runner, job, report)
    except TrialStopped:
        if errors:
            raise errors[0] from None
        ledger.stopped(job.number)
    else:
        ledger.close(job.number, outcome)
