"""Someone who watches a search: a screen, a log, nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bcauto.trial import Job

__all__ = ["Monitor", "SilentMonitor"]


class Monitor(Protocol):
    """Someone who watches a search."""

    def began(self, finished: int, best: float | None) -> None:
        """The study is open, with so many trials finished and this best objective."""

    def exhausted(self) -> None:
        """The space has no recipe left that was not trained."""

    def confirming(self, trials: Sequence[int], repeats: int, target: int) -> None:
        """The search is over: its best trials are repeated, to so many trainings in total."""

    def notice(self, line: str) -> None:
        """Something that a person should know, such as a storage that is away."""

    def started(self, job: Job, retry_of: int | None, of_trial: int | None) -> None:
        """A trial was handed out, perhaps in place of one that failed, or to repeat another."""

    def reported(self, number: int, epoch: int, score: float) -> None:
        """A trial reported an epoch's score, in 0..1."""

    def ended(self, number: int, state: str, detail: str) -> None:
        """A trial ended: complete, pruned, failed or interrupted, and its objective or the reason.

        One that is interrupted is a FAIL by no fault of its own, and was queued again.
        """


class SilentMonitor:
    """Watches and says nothing."""

    def began(self, finished: int, best: float | None) -> None:
        """Nothing."""

    def exhausted(self) -> None:
        """Nothing."""

    def confirming(self, trials: Sequence[int], repeats: int, target: int) -> None:
        """Nothing."""

    def notice(self, line: str) -> None:
        """Nothing."""

    def started(self, job: Job, retry_of: int | None, of_trial: int | None) -> None:
        """Nothing."""

    def reported(self, number: int, epoch: int, score: float) -> None:
        """Nothing."""

    def ended(self, number: int, state: str, detail: str) -> None:
        """Nothing."""
