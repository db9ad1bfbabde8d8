"""Functions of a user's, in Optuna's form, that are called after each finished trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import optuna
from optuna.trial import FrozenTrial

from bcauto.space.space import Confirmation
from bcauto.study.monitor import Monitor
from bcauto.trial import Job

__all__ = ["Callback", "SearchStopped", "WithCallbacks"]

Callback = Callable[[optuna.Study, FrozenTrial], None]
"""Called with the study and a trial that has just ended COMPLETE, PRUNED or FAIL."""


class SearchStopped(Exception):
    """A callback called ``study.stop()``: the search has trials enough."""


class WithCallbacks(Monitor):
    """Tells another monitor all, and calls functions after each trial.

    What a function raises ends the search, as in Optuna; then none is called any more. So does
    ``study.stop()``, once all functions were called.
    """

    def __init__(
        self, monitor: Monitor, study: optuna.Study, callbacks: Sequence[Callback]
    ) -> None:
        self.monitor, self.study, self.callbacks = monitor, study, list(callbacks)

    def ended(self, number: int, state: str, detail: str) -> None:
        """Call the functions, each with a copy of the trial.

        Raises:
            SearchStopped: a function called ``study.stop()``.
        """
        self.monitor.ended(number, state, detail)
        callbacks, self.callbacks = self.callbacks, []
        stops: list[bool] = []
        # Optuna's own method works only within ``Study.optimize``, which is not called here.
        self.study.stop = lambda: stops.append(True)  # type: ignore[method-assign]
        for callback in callbacks:
            callback(self.study, deepcopy(self.study.get_trials(deepcopy=False)[number]))
        if stops:
            raise SearchStopped
        self.callbacks = callbacks

    def began(self, finished: int, best: FrozenTrial | None) -> None:
        """Pass it on."""
        self.monitor.began(finished, best)

    def exhausted(self) -> None:
        """Pass it on."""
        self.monitor.exhausted()

    def confirming(self, trials: Sequence[int], wanted: Confirmation, target: int) -> None:
        """Pass it on."""
        self.monitor.confirming(trials, wanted, target)

    def notice(self, line: str) -> None:
        """Pass it on."""
        self.monitor.notice(line)

    def started(self, job: Job, retry_of: int | None, of_trial: int | None) -> None:
        """Pass it on."""
        self.monitor.started(job, retry_of, of_trial)

    def reported(self, number: int, epoch: int, score: float) -> None:
        """Pass it on."""
        self.monitor.reported(number, epoch, score)
