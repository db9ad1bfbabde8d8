"""The ledger: the only writer to a study, and so the only truth about its trials.

An executor asks it for jobs, tells it what they report, and closes each one; whatever happens,
every trial ends COMPLETE, PRUNED or FAIL with a reason. It lives in the driver and is used by
one thread.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.errors import NothingUsable
from bcauto.recipe import Recipe
from bcauto.seeds import derive
from bcauto.space import Space
from bcauto.study.folder import StudyFolder
from bcauto.study.monitor import Monitor, SilentMonitor
from bcauto.study.sampling import OptunaSuggester, make_sampler
from bcauto.trial import Failure, Job, Outcome, Retry, TrialResult

__all__ = ["DONE", "Ledger", "Limits"]

DONE = (TrialState.COMPLETE, TrialState.PRUNED)

_MAX_DEATHS = 2  # times that a recipe whose process died is tried again
_MAX_FAILURES_IN_ROW = 10
_MAX_REDRAWS = 50  # draws in a row that were known already, until the space counts as exhausted

Keep = int | Literal["all"]


@dataclass(frozen=True)
class Limits:
    """How far a search goes.

    Attributes:
        trials: COMPLETE and PRUNED trials to reach in total, those of earlier runs included.
        seed: of the study.
        keep: how many of the best trials keep their model.
        deadline: on the ``time.monotonic`` clock; None for no end.
    """

    trials: int
    seed: int = 0
    keep: Keep = 5
    deadline: float | None = None

    @property
    def time_is_up(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline


class Ledger:
    """Hands out jobs and writes down what becomes of them.

    Attributes:
        broken: set when the search should end at once, to the error to end it with.
        exhausted: set when the space has no recipe left that was not trained.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Space,
        limits: Limits,
        folder: StudyFolder,
        monitor: Monitor | None = None,
    ) -> None:
        self.study, self.space, self.limits, self.folder = study, space, limits, folder
        self.monitor: Monitor = SilentMonitor() if monitor is None else monitor
        self.broken: Exception | None = None
        self._live: dict[int, optuna.Trial] = {}
        self._stopping: dict[int, str] = {}
        self.exhausted = False
        self._failures: list[str] = []
        self._reap()
        self.monitor.began(self.finished, max(map(_value, self._complete()), default=None))

    # --- before and after ------------------------------------------------------------------

    def release(self, reason: str) -> None:
        """Closes every trial still live, to be run again when the search goes on."""
        for number in list(self._live):
            self.close(number, Failure(reason, retry=Retry.ALWAYS))

    def _reap(self) -> None:
        """Closes what an earlier driver left RUNNING, and queues it again."""
        for orphan in self._trials(TrialState.RUNNING):
            self._fail(orphan, Failure("the search was killed while it ran", retry=Retry.ALWAYS))

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
        if self._closed or self.finished + self.live >= self.limits.trials:
            return None
        for _ in range(_MAX_REDRAWS - self._duplicates_in_row()):
            job = self._draw_job()
            if job is not None:
                self.monitor.started(job)
                return job
        self.exhausted = True
        self.monitor.exhausted()
        return None

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Writes down an epoch's score in 0..1; True when the trial should stop."""
        trial = self._live[number]
        trial.report(score, epoch)
        self.monitor.reported(number, epoch, score)
        if self.limits.time_is_up:
            self._stopping[number] = "time"
        elif math.isfinite(score) and trial.should_prune():
            self._stopping[number] = "pruner"
        return number in self._stopping

    def stopped(self, number: int) -> None:
        """Closes a trial that ended because ``report`` asked for it."""
        if self._stopping.pop(number, "pruner") == "time":
            self.close(number, Failure("the time was up", retry=Retry.ALWAYS))
            return
        self.study.tell(self._live.pop(number), state=TrialState.PRUNED)
        self.monitor.ended(number, "pruned", "behind the median of the others at this epoch")

    def close(self, number: int, outcome: Outcome) -> None:
        """Closes a trial with its result, or with the reason why it has none."""
        if number not in self._live:
            return
        if isinstance(outcome, TrialResult) and not math.isfinite(outcome.objective):
            outcome = Failure(f"the objective is {outcome.objective}")
        if isinstance(outcome, Failure):
            del self._live[number]
            self._close_failed(self._trials()[number], outcome)
        else:
            self._close_complete(self._live.pop(number), outcome)

    # --- how a trial begins ----------------------------------------------------------------

    @property
    def _closed(self) -> bool:
        return self.exhausted or self.broken is not None or self.limits.time_is_up

    def _draw_job(self) -> Job | None:
        """Asks for a trial and draws its recipe; None if that recipe is known already."""
        known = self._known_recipes()
        self.study.sampler = make_sampler(derive(self.limits.seed, "sampler", self._asked()))
        self._queue_starting_point()
        trial = self.study.ask()
        recipe = self.space.draw(OptunaSuggester(trial))
        trial.set_user_attr("recipe", recipe.model_dump(mode="json"))
        if recipe.fingerprint in known:
            trial.set_user_attr("duplicate_of", known[recipe.fingerprint])
            trial.set_user_attr("error", f"same recipe as trial {known[recipe.fingerprint]}")
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        self._live[trial.number] = trial
        seed = derive(self.limits.seed, "trial", recipe.fingerprint)
        return Job(trial.number, recipe, seed, self.folder.model(trial.number))

    def _queue_starting_point(self) -> None:
        """Queues the space's next starting point, unless something is queued already.

        One at a time, so that a retry comes before it, where its first try was.
        """
        tried = sum("start" in t.user_attrs for t in self._trials())
        if tried < len(self.space.start) and not self._trials(TrialState.WAITING):
            point = self.space.options(self.space.start[tried])
            self.study.enqueue_trial(point, user_attrs={"start": tried})

    def _asked(self) -> int:
        """Recipes asked for so far, retries not counted: a resumed search draws on from it."""
        first = [t for t in self._trials() if "retry_of" not in t.user_attrs]
        return sum(_has_params(t) and t.state != TrialState.WAITING for t in first)

    def _duplicates_in_row(self) -> int:
        """Draws at the end of the study that gave known recipes, those of earlier runs too."""
        drawn = reversed(self._trials())
        return sum(1 for _ in takewhile(lambda t: "duplicate_of" in t.user_attrs, drawn))

    def _known_recipes(self) -> dict[str, int]:
        """Recipes that need no training, by fingerprint: those whose trial is not to be retried."""
        trials = self._trials()
        retried = {t.user_attrs.get("retry_of") for t in trials}
        return {
            Recipe.model_validate(t.user_attrs["recipe"]).fingerprint: t.number
            for t in reversed(trials)
            if "recipe" in t.user_attrs and t.number not in retried
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
        self._drop_models()
        self.monitor.ended(trial.number, "complete", f"{objective:.4f}")

    def _close_failed(self, trial: FrozenTrial, failure: Failure) -> None:
        self._fail(trial, failure)
        self.monitor.ended(trial.number, "failed", failure.reason)
        if failure.reason not in self._failures:
            self._failures.clear()
        self._failures.append(failure.reason)
        if len(self._failures) >= _MAX_FAILURES_IN_ROW:
            self.broken = NothingUsable(
                f"{_MAX_FAILURES_IN_ROW} trials in a row failed: {failure.reason}"
            )

    def _fail(self, frozen: FrozenTrial, failure: Failure) -> None:
        """Queues the recipe again where that is due, then closes the trial as FAIL.

        In this order, so that a kill in between loses nothing: the next run sees the retry
        and does not queue another.
        """
        if failure.retry is not Retry.NEVER:
            self._queue_again(frozen, dead=failure.retry is Retry.LIMITED)
        trial = optuna.Trial(self.study, frozen._trial_id)
        trial.set_user_attr("error", failure.reason)
        if failure.traceback:
            trial.set_user_attr("traceback", failure.traceback)
        self.study.tell(frozen.number, state=TrialState.FAIL)

    def _queue_again(self, frozen: FrozenTrial, *, dead: bool) -> None:
        params = {**frozen.system_attrs.get("fixed_params", {}), **frozen.params}
        deaths = frozen.user_attrs.get("deaths", 0) + dead
        queued = any(t.user_attrs.get("retry_of") == frozen.number for t in self._trials())
        if _has_params(frozen) and not queued and deaths <= _MAX_DEATHS:
            attrs = {"retry_of": frozen.number, "deaths": deaths}
            self.study.enqueue_trial(params, user_attrs=attrs)

    def _drop_models(self) -> None:
        """Deletes the models of all trials but the best that are kept."""
        if self.limits.keep == "all":
            return
        ranked = sorted(self._complete(), key=lambda t: (-_value(t), t.number))
        for trial in ranked[self.limits.keep :]:
            self.folder.model(trial.number).unlink(missing_ok=True)

    def _complete(self) -> list[FrozenTrial]:
        return self._trials(TrialState.COMPLETE)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in these states, by number; all of them where none is given."""
        return self.study.get_trials(deepcopy=False, states=states or None)


def _has_params(trial: FrozenTrial) -> bool:
    """Whether its recipe was drawn, or given: one killed before that is drawn anew."""
    return "recipe" in trial.user_attrs or "fixed_params" in trial.system_attrs


def _value(trial: FrozenTrial) -> float:
    return trial.value if trial.value is not None else -math.inf
