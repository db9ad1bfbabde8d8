"""What a search shows: a live screen in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import fmean
from types import TracebackType

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.live import Live
from rich.text import Text

from bcauto.display.confirmation_line import confirmation_line, trained_again
from bcauto.display.lane import Lane, clock, recipe_line
from bcauto.display.next_command import next_command
from bcauto.display.overview import overview
from bcauto.display.tables import counted, open_console, print_facts
from bcauto.driver.plan import Plan
from bcauto.errors import NothingUsable
from bcauto.results.leaderboard import Leaderboard
from bcauto.space.space import Confirmation
from bcauto.storage.url import secret_hider
from bcauto.study.attributes import read_attributes
from bcauto.study.ledger import DONE
from bcauto.study.monitor import Monitor
from bcauto.trial import Job

__all__ = ["SearchScreen"]


_WIDE = 60  # columns, in which a line has room for all but its recipe


class SearchScreen(Monitor):
    """Shows a search as its ``Monitor``; a context manager."""

    def __init__(self, plan: Plan, console: Console | None = None) -> None:
        self.plan = plan
        self.console = console or open_console()
        self.lanes: list[Lane | None] = [None] * plan.slots.workers
        self.finished, self.ended_here, self.best = 0, 0, "none yet"
        self.best_objective: float | None = None
        self.goes_on, self.begun = True, False
        self.target, self.unit, self.length = plan.settings.trials, "trials", 1.0
        self.started_at = self.timed_from = time.monotonic()
        self.took: list[float] = []  # seconds of each trial that was completed here
        self.live = Live(self, console=self.console, refresh_per_second=2, transient=True)

    def __enter__(self) -> SearchScreen:
        print_facts(self.console, overview(self.plan))
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()

    def __rich__(self) -> RenderableType:
        free = "idle" if self.begun else "getting ready"
        narrow = self.console.width < _WIDE
        lanes = [f"  {lane.line(narrow) if lane else free}" for lane in self.lanes]
        if narrow:
            return Group(*(Text(line, overflow="fold") for line in [*lanes, self._summary()]))
        letters = self.console.encoding.startswith("utf")
        cut: OverflowMethod = "ellipsis" if letters else "crop"  # the recipe's end
        shown = [Text(line, no_wrap=True, overflow=cut) for line in lanes]
        return Group(*shown, Text(self._summary(), overflow="fold"))

    # --- the monitor that the ledger calls ---------------------------------------------------

    def began(self, finished: int, best: FrozenTrial | None) -> None:
        """Say what an earlier run has finished already."""
        self.finished, self.best_objective = finished, best.value if best else None
        if best is not None:
            name = _name(best.number, read_attributes(best).of_trial)
            self.best = f"{best.value:.4f} ({name})"
        if finished:
            are = f"{self.unit[:-1]} is" if finished == 1 else f"{self.unit} are"
            self._say(f"going on: {finished} {are} finished, best {self.best}")

    def started(self, job: Job, retry_of: int | None, of_trial: int | None) -> None:
        """Show a trial in a free line."""
        if None not in self.lanes:  # a cluster has more room than this machine
            self.lanes.append(None)
        name = _name(job.number, of_trial)
        epochs = job.recipe.all_epochs(self.plan.weights.pretrains(job.recipe.model))
        self.begun, self.lanes[self.lanes.index(None)] = (
            True,
            Lane(job, name, epochs, time.monotonic()),
        )
        if not self.console.is_terminal:
            again = f", trial {retry_of} again" if of_trial is None else ", once more"
            again = "" if retry_of is None else again
            self._say(f"{name} started: {recipe_line(job)}{again}")

    def exhausted(self) -> None:
        """Say why the search ends before its target."""
        if self.unit == "trials":
            self.goes_on = False
            self._say("every recipe of the space is trained")

    def notice(self, line: str) -> None:
        """Print a line."""
        self._say(line)

    def confirming(self, trials: Sequence[int], wanted: Confirmation, target: int) -> None:
        """Say what follows the search, and count repeats from here on."""
        again = trained_again(wanted.repeats, wanted.length)
        many = f"trials {', '.join(map(str, trials))} train"
        who = many if len(trials) > 1 else f"trial {trials[0]} trains"
        self._say(f"confirming: {who} {again}, scored on new corruptions")
        self.lanes = [None] * len(self.lanes)
        self.target, self.unit, self.length = target, "repeats", wanted.length
        self.ended_here, self.best, self.timed_from = 0, "none yet", time.monotonic()

    def reported(self, number: int, epoch: int, score: float) -> None:
        """Show the score of an epoch."""
        for lane in self.lanes:
            if lane and lane.job.number == number:
                lane.epoch, lane.score = epoch, score

    def ended(self, number: int, state: str, detail: str) -> None:
        """Print a line about the trial, and free its line of the screen."""
        name = f"trial {number}"
        for position, lane in enumerate(self.lanes):
            if lane and lane.job.number == number:
                name, self.lanes[position] = lane.name, None
                if state == "complete":
                    self.took.append((time.monotonic() - lane.since) / self.length)
        counts = state in ("complete", "pruned")
        if counts:
            self.finished += 1
            self.ended_here += 1
        if state == "complete" and (self.best_objective or 0) < float(detail):
            self.best_objective, self.best = float(detail), f"{detail} ({name})"
        live = self.console.is_terminal  # and shows the summary all the time
        summary = f"    {self._summary()}" if counts and not live else ""
        self._say(f"{name} {state}: {detail}{summary}")

    # --- at the end --------------------------------------------------------------------------

    def conclude(self, study: optuna.Study, board: Leaderboard) -> None:
        """Print the result of the search.

        Raises:
            NothingUsable: no trial was completed.
        """
        if not board.entries:
            raise NothingUsable(f"no trial was completed; {self._advice()}")
        finished = len(study.get_trials(deepcopy=False, states=DONE))
        target = self.plan.settings.trials
        if finished < target:
            advice = "; the same command goes on" if self.goes_on else ""
            self._say(f"{finished} of {target} trials{advice}")
        best = board.entries[0].trial
        clean = f"{best.clean_accuracy:.4f} on clean validation images"
        score = f"{best.objective:.4f} on the proxy"
        self._say(f"best of the search: trial {best.number}, {score}, {clean}")
        title, confirmation = confirmation_line(board)
        if confirmation:
            self._say(f"{title}: {confirmation}")
        several = ("--ensemble",) if self.plan.settings.effort == "best" else ()
        self._say(f"next: {next_command('best', self.plan.folder, '--export', *several)}")
        if secret_hider(self.plan.url)(self.plan.url) != self.plan.url:
            self._say("      with --storage as here, since no password is kept")

    def _advice(self) -> str:
        timeout = self.plan.settings.timeout
        if timeout is not None and time.monotonic() - self.started_at >= timeout:
            return "the time of --timeout was up; the same command with more time goes on"
        return f"{next_command('status', self.plan.folder)} shows how they ended"

    def _summary(self) -> str:
        parts = [f"{self.finished} of {self.target} {self.unit}", f"best {self.best}"]
        if left := self._time_left():
            ahead = self._repeats_ahead()
            most = "up to " if self.plan.resumed else ""  # some may be done already
            included = f", {most}{counted(ahead, 'repeat')} included" if ahead else ""
            parts.append(f"about {clock(left)} left{included}")
        return "  ".join(parts)

    def _repeats_ahead(self) -> int:
        """Return how many repeats follow the search, at most; none once they have begun."""
        wanted = self.plan.confirmation
        return min(wanted.top, self.target) * wanted.repeats if self.unit == "trials" else 0

    def _time_left(self) -> float | None:
        """Return the seconds left, those of the confirmation included; None before it is known.

        Trials and repeats go on at the pace of this run so far. Repeats that are still ahead take
        as long as the trials that were completed here, since none of them is pruned.
        """
        passed = time.monotonic() - self.timed_from
        under_way = sum(lane.share_done for lane in self.lanes if lane)
        done = self.ended_here + under_way
        missing = max(0.0, self.target - self.finished - under_way)
        whole = fmean(self.took) / len(self.lanes) if self.took else None
        if done:
            pace = passed / done
        elif whole is not None:
            pace = whole * self.length
        else:
            return None
        repeat = self.plan.confirmation.length * (pace if whole is None else whole)
        left = pace * missing + repeat * self._repeats_ahead()
        timeout = self.plan.settings.timeout
        spent = time.monotonic() - self.started_at
        return left if timeout is None else max(0.0, min(left, timeout - spent))

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False)


def _name(number: int, of_trial: int | None) -> str:
    return f"trial {number}" if of_trial is None else f"repeat of trial {of_trial}"
