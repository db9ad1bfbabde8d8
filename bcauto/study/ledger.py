"""The ledger: the one place where the trials of a study are handed out and closed.

An executor asks it for jobs, tells it what they report, and closes each one. Whatever happens,
every trial ends COMPLETE, PRUNED, or FAIL with a reason. It lives in the process that searches the
study, and one thread uses it.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.errors import NothingUsable
from bcauto.study.attributes import as_user_attrs, read_attributes, store, store_result, writable
from bcauto.study.failures import Failures
from bcauto.study.monitor import Monitor
from bcauto.study.pruning import may_prune
from bcauto.study.retry import next_try
from bcauto.study.source import Asked, Source, was_sampled
from bcauto.study.trial_files import Keep, TrialFiles
from bcauto.trial import Failure, Job, Outcome, Retry, TrialAttributes, TrialResult

__all__ = ["DONE", "Ledger", "Limits"]

DONE = (TrialState.COMPLETE, TrialState.PRUNED)

_MAX_DUPLICATES = 50  # known recipes in a row after which a space counts as exhausted
_MAX_TEXT = 10_000  # characters of a reason or a traceback: MySQL takes 65,535 bytes


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    Attributes:
        trials: COMPLETE and PRUNED trials to reach in total, those of earlier runs included.
        keep: how many of the best trials keep their model.
        deadline: on the ``time.monotonic`` clock; None for no end.
        reserve: seconds to leave before the deadline, computed from the complete trials.
    """

    trials: int
    keep: Keep = 5
    deadline: float | None = None
    reserve: Callable[[list[FrozenTrial]], float] = lambda _: 0.0


@dataclass(frozen=True)
class _Live:
    """A trial that is running."""

    trial: optuna.Trial
    job: Job
    stored: TrialAttributes


class Ledger:
    """Hands out jobs and writes down what becomes of them.

    Args:
        study: no other process may write it.
        source: where its recipes come from.
        limits: how far it goes.
        model_path: gives the path of a trial's model.
        monitor: is told what happens.

    Attributes:
        broken: set when the search should end at once, to the error to end it with.
        exhausted: set when all recipes of the source are trained.
    """

    def __init__(
        self,
        study: optuna.Study,
        source: Source,
        limits: Limits,
        model_path: Callable[[int], Path],
        monitor: Monitor | None = None,
    ) -> None:
        self.study, self.source, self.limits, self.model_path = study, source, limits, model_path
        self.monitor = Monitor() if monitor is None else monitor
        self.broken: Exception | None = None
        self.exhausted = False
        self._live: dict[int, _Live] = {}
        self._stopping: dict[int, str] = {}
        self._failures = Failures()
        self._files = TrialFiles(model_path, limits.keep)
        self._count_without_new_recipe: int | None = None
        for orphan in self._trials(TrialState.RUNNING):
            reason = "the search was killed while it ran"
            self._fail(orphan, Failure(reason, retry=Retry.ALWAYS))
        self._files.sweep()
        self.monitor.began(self.finished, max(self._complete(), key=_value, default=None))

    # --- what an executor calls ------------------------------------------------------------

    @property
    def live(self) -> int:
        """Number of trials that are running."""
        return len(self._live)

    @property
    def finished(self) -> int:
        """Number of trials COMPLETE or PRUNED, those of earlier runs included."""
        return len(self._trials(*DONE))

    @property
    def over(self) -> bool:
        """Whether no job will ever come again."""
        return self._closed or (not self._live and self.finished >= self.limits.trials)

    def next_job(self) -> Job | None:
        """The next trial to run; None when there is none, for now or for good (see ``over``)."""
        if self._closed or self.finished + self.live >= self.limits.trials:
            return None
        if len(self._trials()) != self._count_without_new_recipe:
            # A recipe that is known is closed at once, and another is asked for.
            for _ in range(_MAX_DUPLICATES - self._duplicates_in_row()):
                asked = self.source.ask(self.study)
                if asked is None:
                    break
                job = self._begin(asked)
                if job is not None:
                    return job
            self._count_without_new_recipe = len(self._trials())
        if not self._live:  # a live trial may still fail and be queued again
            self.exhausted = True
            self.monitor.exhausted()
        return None

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Writes down an epoch's score in 0..1; True when the trial should stop."""
        live = self._live[number]
        live.trial.report(score, epoch)
        self.monitor.reported(number, epoch, score)
        if self._time_is_up:
            self._stopping[number] = "time"
        elif math.isfinite(score) and self._should_prune(live, epoch):
            self._stopping[number] = "pruner"
        return number in self._stopping

    def _should_prune(self, live: _Live, epoch: int) -> bool:
        training = live.job.recipe.training
        return may_prune(live.stored, training, epoch, self._trials()) and live.trial.should_prune()

    def stopped(self, number: int) -> None:
        """Closes a trial that ended because ``report`` asked for it."""
        if number not in self._live:
            return
        if self._stopping.pop(number, "pruner") == "time":
            self.close(number, Failure("the time was up", retry=Retry.ALWAYS))
            return
        live = self._live.pop(number)
        self._failures.clear()
        self.study.tell(live.trial, state=TrialState.PRUNED)
        self._files.drop_checkpoint(number, live.job.seed)
        self.monitor.ended(number, "pruned", "behind the median of the others at this epoch")

    def close(self, number: int, outcome: Outcome) -> None:
        """Closes a trial with its result, or with the reason why it has none."""
        if number not in self._live:
            return
        if isinstance(outcome, TrialResult) and not math.isfinite(outcome.objective):
            outcome = Failure(f"the objective is {outcome.objective}")
        live = self._live.pop(number)
        if isinstance(outcome, Failure):
            self._close_failed(self._trials()[number], outcome)
        else:
            self._close_complete(live, outcome)

    def release(self, reason: str) -> None:
        """Closes every trial still live, to be run again when the search goes on."""
        for number in list(self._live):
            self.close(number, Failure(reason, retry=Retry.ALWAYS))

    # --- how a trial begins ----------------------------------------------------------------

    @property
    def _closed(self) -> bool:
        return self.exhausted or self.broken is not None or self._time_is_up

    @property
    def _time_is_up(self) -> bool:
        """Whether the deadline has passed, less the time reserved before it."""
        deadline = self.limits.deadline
        if deadline is None:
            return False
        return time.monotonic() >= deadline - self.limits.reserve(self._complete())

    def _begin(self, asked: Asked) -> Job | None:
        """The job of a trial that was asked for; None where its recipe needs no more training."""
        trial, number = asked.trial, asked.trial.number
        known = self._known_seeds()
        store(trial, TrialAttributes(recipe=asked.recipe.model_dump(mode="json"), seed=asked.seed))
        if asked.seed in known:
            same = known[asked.seed]
            store(trial, TrialAttributes(duplicate_of=same, error=f"same recipe as trial {same}"))
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        stored = read_attributes(trial)
        # Above 0 where a try ran out of memory. Optuna counts that as a violated constraint, and
        # samples fewer such recipes. The GP sampler needs it set on every trial.
        trial.set_constraint("memory", stored.accumulate - 1)
        job = Job(number, asked.recipe, asked.seed, self.model_path(number), stored.accumulate)
        self._live[number] = _Live(trial, job, stored)
        self.monitor.started(job, stored.retry_of, stored.of_trial)
        return job

    def _duplicates_in_row(self) -> int:
        """Trials at the end of the study with a known recipe, those of earlier runs included."""
        newest = map(read_attributes, reversed(self._trials()))
        return sum(1 for _ in takewhile(lambda stored: stored.duplicate_of is not None, newest))

    def _known_seeds(self) -> dict[int, int]:
        """The numbers of trials that need no other training, by their seed.

        In a search a seed comes from the recipe, so equal recipes have equal seeds; in a
        confirmation it comes from recipe and repeat. A trial that is tried again under another
        number is not among them.
        """
        stored = list(map(read_attributes, self._trials()))
        retried = {each.retry_of for each in stored}
        return {
            each.seed: number
            for number, each in reversed(list(enumerate(stored)))
            if each.seed is not None and each.duplicate_of is None and number not in retried
        }

    # --- how a trial ends ------------------------------------------------------------------

    def _close_complete(self, live: _Live, result: TrialResult) -> None:
        store_result(live.trial, result)
        self.study.tell(live.trial, result.objective)
        self._failures.clear()
        self._files.drop_checkpoint(live.job.number, live.job.seed)
        ranked = sorted(self._complete(), key=lambda t: (-_value(t), t.number))
        self._files.drop_models([t.number for t in ranked], self._live)
        self.monitor.ended(live.job.number, "complete", f"{result.objective:.4f}")

    def _close_failed(self, trial: FrozenTrial, failure: Failure) -> None:
        queued = self._fail(trial, failure)
        state = "interrupted" if failure.retry is Retry.ALWAYS else "failed"
        again = "; it is tried again" if queued else ""
        self.monitor.ended(trial.number, state, f"{failure.reason}{again}")
        if failure.disk_full:
            self.broken = OSError(errno.ENOSPC, failure.reason)
        # Trials that are queued again do not count, or a lost machine would end the search.
        elif not queued and (reason := self._failures.add(failure.reason)):
            self.broken = NothingUsable(reason)

    def _fail(self, failed: FrozenTrial, failure: Failure) -> bool:
        """Stores the reason, queues the recipe again where that is due, closes the trial as FAIL.

        It does so in this order, so that a kill in between loses nothing: the next run keeps the
        reason that is stored, and queues no second retry where it finds one.

        Returns whether it was queued.
        """
        stored = read_attributes(failed)
        if stored.error is None:
            said = {"error": failure.reason[:_MAX_TEXT]}
            if failure.traceback:
                said["traceback"] = failure.traceback[-_MAX_TEXT:]
            store(writable(self.study, failed), TrialAttributes(**said))
        retry = next_try(failed.number, stored, failure.retry) if was_sampled(failed) else None
        if retry is not None:
            self._queue(failed, retry)
        elif stored.seed is not None:
            self._files.drop_checkpoint(failed.number, stored.seed)
        self.study.tell(failed.number, state=TrialState.FAIL)
        return retry is not None

    def _queue(self, failed: FrozenTrial, retry: TrialAttributes) -> None:
        """Queues the next try of a trial, unless that was done before the search was killed."""
        if not any(read_attributes(trial).retry_of == failed.number for trial in self._trials()):
            params = {**failed.system_attrs.get("fixed_params", {}), **failed.params}
            self.study.enqueue_trial(params, user_attrs=as_user_attrs(retry))

    # --- the trials ------------------------------------------------------------------------

    def _complete(self) -> list[FrozenTrial]:
        return self._trials(TrialState.COMPLETE)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in these states, by number; all of them where none is given."""
        return self.study.get_trials(deepcopy=False, states=states or None)


def _value(trial: FrozenTrial) -> float:
    return trial.value if trial.value is not None else -math.inf
