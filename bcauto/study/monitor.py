"""What a search tells those who watch it, such as the screen."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from bcauto.space.space import Confirmation
from bcauto.trial import Job

__all__ = ["Monitor"]


class Monitor:
    """Watches a search. Its methods do nothing; a watcher overrides those that it needs."""

    def began(self, finished: int, best: FrozenTrial | None) -> None:
        """The study is open, with so many trials finished, and this is the best of them."""

    def exhausted(self) -> None:
        """Every recipe of the space has been trained."""

    def confirming(self, trials: Sequence[int], wanted: Confirmation, target: int) -> None:
        """The search is over: its best trials are repeated, to so many trainings in total."""

    def notice(self, line: str) -> None:
        """A line for a person, for example that the storage cannot be reached."""

    def started(self, job: Job, retry_of: int | None, of_trial: int | None) -> None:
        """A trial was handed out, as a retry or as a repeat of another where these are given."""

    def reported(self, number: int, epoch: int, score: float) -> None:
        """A trial reported an epoch's score, in 0..1."""

    def ended(self, number: int, state: str, detail: str) -> None:
        """A trial ended: complete, pruned, failed or interrupted, and its objective or the reason.

        One that is interrupted is a FAIL by no fault of its own, and was queued again.
        """
