"""Tune's hooks, which call the ledger: searcher, scheduler, callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from bcauto.execute.ray_tune.process import EpochReport
from bcauto.execute.ray_tune.trainable import death
from bcauto.io.files import FileStore
from bcauto.study.ledger import Ledger

__all__ = ["Bridge", "LedgerCallback", "LedgerScheduler", "LedgerSearcher"]


class Bridge:
    """What the hooks share: the ledger, and its trial number for each of Tune's trial ids.

    It stays in the driver. Tune swallows most of what its hooks raise, so an error of the ledger
    is kept here, and raised by the one hook where Tune lets it through, ``on_step_begin``.
    """

    def __init__(
        self, ledger: Ledger, workers: int, files: FileStore, check: Callable[[], None]
    ) -> None:
        self.ledger, self.workers, self.files, self.check = ledger, workers, files, check
        self.numbers: dict[str, int] = {}
        self.error: BaseException | None = None

    def check_for_end(self) -> None:
        """Call ``check``, which raises if the search should end; done often."""
        self.guarded(self.check)

    def guarded(self, call: Callable[[], Any]) -> Any:
        """Return the result of ``call``; None, with the error kept, where it raises."""
        try:
            return call()
        except BaseException as error:  # raised again in on_step_begin
            self.error = self.error or error
            return None

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune pickles its hooks, and no copy may touch the study."""
        return {}


class LedgerSearcher(Searcher):  # type: ignore[misc]  # Ray has no type information
    """Hands the ledger's jobs to Tune, and Tune's outcomes to the ledger."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(metric="message", mode="max")
        self.bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a job's config; None where there is none now, FINISHED where none will come."""
        self.bridge.check_for_end()  # while no trial is live, Tune calls nothing else for minutes
        ledger = self.bridge.ledger
        if ledger.over or self.bridge.error:
            return str(Searcher.FINISHED)
        if ledger.live >= self.bridge.workers:
            return None
        job = self.bridge.guarded(ledger.next_job)
        if job is None:
            return None
        self.bridge.numbers[trial_id] = job.number
        return {"job": replace(job, files=self.bridge.files)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Close the job with the outcome in ``result``; with a report there, as stopped.

        An error is left to the callback, which is told what it was.
        """
        message = (result or {}).get("message")
        if error or message is None or trial_id not in self.bridge.numbers:
            return
        number, ledger = self.bridge.numbers.pop(trial_id), self.bridge.ledger
        if isinstance(message, EpochReport):
            self.bridge.guarded(lambda: ledger.stopped(number))
        else:
            self.bridge.guarded(lambda: ledger.close(number, message))

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the study is the only state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the study is the only state."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing: the study is the only state."""


class LedgerScheduler(FIFOScheduler):  # type: ignore[misc]  # Ray has no type information
    """Passes reports to the ledger, and stops the trials that the ledger wants stopped."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge

    def on_trial_result(self, _controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Return CONTINUE or STOP."""
        message, number = result["message"], self.bridge.numbers.get(trial.trial_id)
        if number is None or not isinstance(message, EpochReport):
            return str(TrialScheduler.CONTINUE)
        ledger = self.bridge.ledger
        stop = self.bridge.guarded(lambda: ledger.report(number, message.epoch, message.score))
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)


class LedgerCallback(Callback):  # type: ignore[misc]  # Ray has no type information
    """Raises what has to end the run, and closes jobs of trials that Tune dropped silently."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    def on_step_begin(self, iteration: int, trials: list[Trial], **_info: Any) -> None:
        """Raise a kept error, and close what Tune dropped; called many times a second."""
        del iteration  # Tune passes it by name
        self.bridge.check_for_end()
        error = self.bridge.error or self.bridge.ledger.broken
        if error is not None:
            raise error
        for trial in trials:
            if trial.status in (Trial.ERROR, Trial.TERMINATED):
                self._lose(trial)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **_info: Any
    ) -> None:
        """Close the job of a trial that Ray could not run, or whose machine it lost."""
        del iteration, trials  # Tune passes them by name
        self._lose(trial)

    def _lose(self, trial: Trial) -> None:
        number = self.bridge.numbers.pop(trial.trial_id, None)
        if number is not None:
            failure = death("Ray lost the trial", _error_of(trial))
            self.bridge.guarded(lambda: self.bridge.ledger.close(number, failure))


def _error_of(trial: Trial) -> str:
    """Return what Tune wrote about a trial's error; its ``get_error`` looks in another place."""
    path = trial.error_file
    return Path(path).read_text(encoding="utf-8") if path and Path(path).exists() else ""
