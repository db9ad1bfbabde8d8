"""The ledger: the only writer to a study, and so the only truth about its trials.

An executor asks it for jobs, tells it what they report, and closes each one; whatever happens,
every trial ends COMPLETE, PRUNED or FAIL with a reason. It lives in the driver and is used by
one thread.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from bcauto.errors import NothingUsable
from bcauto.study.failures import Failures
from bcauto.study.lock import Alone, Peers
from bcauto.study.monitor import Monitor, SilentMonitor
from bcauto.study.source import Asked, Source, was_sampled
from bcauto.study.trial_files import Keep, TrialFiles
from bcauto.trial import Failure, Job, Outcome, Retry, TrialResult

__all__ = ["DONE", "Ledger", "Limits"]

DONE = (TrialState.COMPLETE, TrialState.PRUNED)

_DRIVER = "driver"  # the attribute of a trial with the driver that runs it
_MAX_DEATHS = 2  # times that a recipe whose process died is tried again
_ACCUMULATE = "accumulate"  # the attribute of a trial that has to do with less memory
_MOST_ACCUMULATED = 2  # micro-batches of a trial that ran out of memory
_HANDED_ON = ("deaths", "given", _ACCUMULATE)  # attributes that a retry has from its first try
_MAX_REDRAWS = 50  # draws in a row that were known already, until the space counts as exhausted
_DRAWING = 600.0  # seconds that a trial may run without a driver's name: storages are waited for
_ANOTHERS_DRAW = 10.0  # seconds that the seed of a trial is waited for that another driver draws
_LONGEST = 10_000  # characters of a reason or a traceback: MySQL takes 65,535 bytes


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    Attributes:
        trials: COMPLETE and PRUNED trials to reach in total, those of earlier runs included.
        keep: how many of the best trials keep their model.
        deadline: on the ``time.monotonic`` clock; None for no end.
        reserve: how many seconds before the deadline it ends, by the trials that are complete.
    """

    trials: int
    keep: Keep = 5
    deadline: float | None = None
    reserve: Callable[[list[FrozenTrial]], float] = lambda _: 0.0


class Ledger:
    """Hands out jobs and writes down what becomes of them.

    Args:
        study: written to by nobody else.
        source: where its recipes come from.
        limits: how far it goes.
        model: the path of a trial's model.
        monitor: watches.
        drivers: those who search the study with it; by default there are none.

    Attributes:
        broken: set when the search should end at once, to the error to end it with.
        exhausted: set when the source has no recipe left that was not trained.
    """

    def __init__(
        self,
        study: optuna.Study,
        source: Source,
        limits: Limits,
        model: Callable[[int], Path],
        monitor: Monitor | None = None,
        drivers: Peers | None = None,
    ) -> None:
        self.study, self.source, self.limits, self.model = study, source, limits, model
        self.monitor: Monitor = SilentMonitor() if monitor is None else monitor
        self.drivers: Peers = Alone() if drivers is None else drivers
        self.broken: Exception | None = None
        self._live: dict[int, optuna.Trial] = {}
        self._stopping: dict[int, str] = {}
        self.exhausted = False
        self._failures = Failures()
        self._files = TrialFiles(model, limits.keep)
        self._begun: dict[int, float] = {}  # when a trial that others draw was first seen
        self._trials_when_empty: int | None = None
        with self.drivers.drawing():
            self._reap()
        if not self.drivers.alive(None):
            self._files.sweep()
        self.monitor.began(self.finished, max(map(_value, self._complete()), default=None))

    @property
    def _time_is_up(self) -> bool:
        """Whether the deadline has passed, but for the time that is to be left before it."""
        deadline = self.limits.deadline
        if deadline is None:
            return False
        return time.monotonic() >= deadline - self.limits.reserve(self._complete())

    # --- before and after ------------------------------------------------------------------

    def release(self, reason: str) -> None:
        """Closes every trial still live, to be run again when the search goes on."""
        for number in list(self._live):
            self.close(number, Failure(reason, retry=Retry.ALWAYS))

    def beat(self) -> None:
        """Shows that this driver is alive; to be called often."""
        self.drivers.beat()

    def _reap(self) -> None:
        """Closes what dead drivers left RUNNING, and queues it again."""
        for orphan in self._trials(TrialState.RUNNING):
            if orphan.number not in self._live and not self._is_driven(orphan):
                reason = "the search was killed while it ran"
                with suppress(UpdateFinishedTrialError):  # another driver does the same
                    self._fail(orphan, Failure(reason, retry=Retry.ALWAYS))

    def _is_driven(self, trial: FrozenTrial) -> bool:
        """Whether a driver is alive that runs a trial of others, or is about to draw its recipe."""
        if _DRIVER in trial.user_attrs:
            return self.drivers.alive(trial.user_attrs[_DRIVER])
        return self.drivers.alive(None) and self._seen_for(trial) < _DRAWING

    def _seen_for(self, trial: FrozenTrial) -> float:
        """Seconds since a trial was first seen that another driver had begun to draw."""
        return time.monotonic() - self._begun.setdefault(trial.number, time.monotonic())

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
        """Whether there is nothing to hand out, now or after the live trials."""
        return self._closed or (not self._live and self.finished >= self.limits.trials)

    def next_job(self) -> Job | None:
        """The next trial to run; None when there is none, for now or for good (see ``over``)."""
        if self._closed:
            return None
        with self.drivers.drawing():  # or two drivers would both take the last one
            return None if self._enough() else self._draw()

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Writes down an epoch's score in 0..1; True when the trial should stop."""
        trial = self._live[number]
        try:
            trial.report(score, epoch)
        except UpdateFinishedTrialError:
            self._give_up(number)
            return True
        self.monitor.reported(number, epoch, score)
        if self._time_is_up:
            self._stopping[number] = "time"
        elif math.isfinite(score) and self._may_prune(trial, epoch) and trial.should_prune():
            self._stopping[number] = "pruner"
        return number in self._stopping

    def stopped(self, number: int) -> None:
        """Closes a trial that ended because ``report`` asked for it."""
        if number not in self._live:
            return
        if self._stopping.pop(number, "pruner") == "time":
            self.close(number, Failure("the time was up", retry=Retry.ALWAYS))
            return
        trial = self._live.pop(number)
        self._failures.clear()
        self.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        self._files.drop_checkpoint(trial)
        self.monitor.ended(number, "pruned", "behind the median of the others at this epoch")

    def _may_prune(self, trial: optuna.Trial, epoch: int) -> bool:
        """Whether it is neither a starting point, nor in the epochs that train its head alone.

        In those it is behind all whose head was done sooner, and it may overtake them. A retry has
        passed the epochs that its first try has, even if others are ahead of that by now.
        """
        attrs = trial.user_attrs
        training = attrs["recipe"]["training"]
        head = 0 if training["stages"] else training["head_epochs"]
        first = attrs.get("retry_of")
        passed = first is not None and epoch in self._trials()[first].intermediate_values
        return epoch > head and not passed and not self._is_start(attrs)

    def _is_start(self, attrs: Mapping[str, Any]) -> bool:
        """Whether it is a starting point's trial, or a retry of one, which is seen to its end."""
        while "start" not in attrs and "retry_of" in attrs:
            attrs = self._trials()[attrs["retry_of"]].user_attrs
        return "start" in attrs

    def close(self, number: int, outcome: Outcome) -> None:
        """Closes a trial with its result, or with the reason why it has none."""
        if number not in self._live:
            return
        if isinstance(outcome, TrialResult) and not math.isfinite(outcome.objective):
            outcome = Failure(f"the objective is {outcome.objective}")
        trial = self._live.pop(number)
        try:
            if isinstance(outcome, Failure):
                self._close_failed(self._trials()[number], outcome)
            else:
                self._close_complete(trial, outcome)
        except UpdateFinishedTrialError:
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        """Leaves a trial to another driver, which took this one for dead and closed it."""
        self._live.pop(number, None)
        self.monitor.ended(number, "failed", "another search of the study has taken it over")

    # --- how a trial begins ----------------------------------------------------------------

    def _enough(self) -> bool:
        """Whether those finished and RUNNING, here or with another driver, reach the target."""
        if len(self._trials(TrialState.RUNNING)) > self.live:
            self._reap()
        # In one read: a trial that ends between two would count in neither.
        return len(self._trials(*DONE, TrialState.RUNNING)) >= self.limits.trials

    @property
    def _closed(self) -> bool:
        return self.exhausted or self.broken is not None or self._time_is_up

    def _draw(self) -> Job | None:
        """The job of a recipe that was not trained; None if there is none, for now or for good."""
        if len(self._trials()) != self._trials_when_empty:
            for _ in range(_MAX_REDRAWS - self._duplicates_in_row()):
                asked = self.source.ask(self.study)
                if asked is None:
                    break
                job = self._draw_job(asked)
                if job is not None:
                    attrs = asked.trial.user_attrs
                    self.monitor.started(job, attrs.get("retry_of"), attrs.get("of_trial"))
                    return job
            self._trials_when_empty = len(self._trials())
        if not self._trials(TrialState.RUNNING):  # one of those may have to be tried again
            self.exhausted = True
            self.monitor.exhausted()
        return None

    def _draw_job(self, asked: Asked) -> Job | None:
        """The job of a trial that was asked for; None if it would train what is known already."""
        trial = asked.trial
        trial.set_user_attr(_DRIVER, self.drivers.own)
        trial.set_user_attr("recipe", asked.recipe.model_dump(mode="json"))
        trial.set_user_attr("seed", asked.seed)
        self._await_seeds(trial.number)
        known = self._known_seeds(trial.number)
        if asked.seed in known:
            trial.set_user_attr("duplicate_of", known[asked.seed])
            trial.set_user_attr("error", f"same recipe as trial {known[asked.seed]}")
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        self._live[trial.number] = trial
        accumulate, model = trial.user_attrs.get(_ACCUMULATE, 1), self.model(trial.number)
        # Above 0 it is broken, and the sampler draws fewer such recipes; GP wants it of all trials.
        trial.set_constraint("memory", accumulate - 1)
        return Job(trial.number, asked.recipe, asked.seed, model, accumulate)

    def _await_seeds(self, sampled: int) -> None:
        """Waits for the seeds of trials with lower numbers that other drivers draw at this moment.

        So of two that are drawn alike the one with the lower number is trained, and one alone
        (Lamport's bakery), though drivers that share the database alone take no turns.
        """
        while any(
            trial.number < sampled
            and "seed" not in trial.user_attrs
            and self._seen_for(trial) < _ANOTHERS_DRAW  # or its driver is dead
            for trial in self._trials(TrialState.RUNNING)
        ):
            time.sleep(0.05)

    def _duplicates_in_row(self) -> int:
        """Draws at the end of the study that gave known recipes, those of earlier runs too."""
        sampled = reversed(self._trials())
        return sum(1 for _ in takewhile(lambda t: "duplicate_of" in t.user_attrs, sampled))

    def _known_seeds(self, sampled: int) -> dict[int, int]:
        """Trainings that need no other, by their seed: those whose trial is not to be retried.

        A seed comes from the recipe, so equal recipes have equal ones. Of those that run only the
        ones with a lower number count than that of the trial that was just drawn.
        """
        trials = self._trials()
        retried = {t.user_attrs.get("retry_of") for t in trials}
        return {
            t.user_attrs["seed"]: t.number
            for t in reversed(trials)
            if "seed" in t.user_attrs
            and (t.number < sampled or t.state.is_finished())
            and "duplicate_of" not in t.user_attrs
            and t.number not in retried
        }

    # --- how a trial ends ------------------------------------------------------------------

    def _close_complete(self, trial: optuna.Trial, result: TrialResult) -> None:
        values = asdict(result)
        objective = values.pop("objective")
        for name in ("clean_accuracy", "scores"):
            trial.set_user_attr(name, values.pop(name))
        trial.set_user_attr("run", values)
        self.study.tell(trial, objective)
        self._failures.clear()
        self._files.drop_checkpoint(trial)
        running = self._trials(TrialState.RUNNING)  # first: what ends in between is in both
        ranked = sorted(self._complete(), key=lambda t: (-_value(t), t.number))
        self._files.drop_models(ranked, running)
        self.monitor.ended(trial.number, "complete", f"{objective:.4f}")

    def _close_failed(self, trial: FrozenTrial, failure: Failure) -> None:
        queued = self._fail(trial, failure)
        state = "interrupted" if failure.retry is Retry.ALWAYS else "failed"
        again = "; it is tried again" if queued else ""
        self.monitor.ended(trial.number, state, f"{failure.reason}{again}")
        if failure.disk_full:
            self.broken = OSError(errno.ENOSPC, failure.reason)
        # What is queued is none, or a lost machine, or a time that is up, would look like one.
        elif not queued and (reason := self._failures.add(failure.reason)):
            self.broken = NothingUsable(reason)

    def _fail(self, frozen: FrozenTrial, failure: Failure) -> bool:
        """Notes the reason, queues the recipe again where that is due, closes the trial as FAIL.

        Returns whether it was queued.

        In this order, so that a kill in between loses nothing: the next run keeps the reason,
        sees the retry, and does not queue another.
        """
        trial = optuna.Trial(self.study, frozen._trial_id)
        if "error" not in frozen.user_attrs:
            trial.set_user_attr("error", failure.reason[:_LONGEST])
            if failure.traceback:
                trial.set_user_attr("traceback", failure.traceback[-_LONGEST:])
        queued = failure.retry is not Retry.NEVER and self._queue_again(frozen, failure.retry)
        if not queued:
            self._files.drop_checkpoint(frozen)
        self.study.tell(frozen.number, state=TrialState.FAIL, skip_if_finished=True)
        return queued

    def _queue_again(self, frozen: FrozenTrial, retry: Retry) -> bool:
        """Queues the same recipe; False where that was done as often as it may be."""
        attrs = {key: frozen.user_attrs[key] for key in _HANDED_ON if key in frozen.user_attrs}
        attrs["deaths"] = attrs.get("deaths", 0) + (retry is Retry.LIMITED)
        if retry is Retry.SMALLER:
            attrs[_ACCUMULATE] = 2 * attrs.get(_ACCUMULATE, 1)
        spent = attrs["deaths"] > _MAX_DEATHS or attrs.get(_ACCUMULATE, 1) > _MOST_ACCUMULATED
        if spent or not was_sampled(frozen):
            return False
        if not any(t.user_attrs.get("retry_of") == frozen.number for t in self._trials()):
            params = {**frozen.system_attrs.get("fixed_params", {}), **frozen.params}
            self.study.enqueue_trial(params, user_attrs={"retry_of": frozen.number, **attrs})
        return True

    # --- the trials ------------------------------------------------------------------------

    def _complete(self) -> list[FrozenTrial]:
        return self._trials(TrialState.COMPLETE)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in these states, by number; all of them where none is given."""
        return self.study.get_trials(deepcopy=False, states=states or None)


def _value(trial: FrozenTrial) -> float:
    return trial.value if trial.value is not None else -math.inf
