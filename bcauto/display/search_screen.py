"""What a search shows: a live screen in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from types import TracebackType

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console, Group, RenderableType
from rich.text import Text

from bcauto.display.bars import WIDE, Row, ScreenLive, bar_table
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


_OTHER_LINES = 6  # of the screen, beside the trials that run, and one for the cursor
_SAID_AGAIN = 8  # of the last lines, where a terminal that was resized is drawn anew


@dataclass
class _Count:
    """How many trials or repeats are finished, of how many."""

    unit: str
    total: int
    done: int = 0


class SearchScreen(Monitor):
    """Shows a search as its ``Monitor``; a context manager."""

    def __init__(self, plan: Plan, console: Console | None = None) -> None:
        self.plan = plan
        self.console = console or open_console()
        self.lanes: list[Lane | None] = [None] * plan.slots.workers
        self.count, self.before = _Count("trials", plan.settings.trials), list[_Count]()
        self.ended_here, self.best, self.length = 0, "none yet", 1.0
        self.best_objective: float | None = None
        self.goes_on, self.begun = True, False
        self.started_at = self.timed_from = time.monotonic()
        self.took: list[float] = []  # seconds of each trial that was completed here
        self.said: deque[str] = deque(maxlen=_SAID_AGAIN)
        self.is_live = self.console.is_interactive
        self.live = ScreenLive(self, self.said, self.console)

    def __enter__(self) -> SearchScreen:
        print_facts(self.console, overview(self.plan))
        if self.is_live:
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
        narrow = self.console.width < WIDE
        free = Row("idle" if self.begun else "getting ready")
        lanes = [lane.row(narrow) if lane else free for lane in self.lanes]
        room = max(2, self.console.height - _OTHER_LINES)
        if len(lanes) > room:  # Rich could not take back what has left the screen
            lanes[room - 1 :] = [Row(f"and {len(lanes) - room + 1} more")]
        rows = bar_table([*self._totals(), *lanes], self.console)
        return Group(Text(self._outlook(), overflow="fold"), rows)

    # --- the monitor that the ledger calls ---------------------------------------------------

    def began(self, finished: int, best: FrozenTrial | None) -> None:
        """Say what an earlier run has finished already."""
        self.count.done, self.best_objective = finished, best.value if best else None
        if best is not None:
            name = _name(best.number, read_attributes(best).of_trial)
            self.best = f"{best.value:.4f} ({name})"
        if finished:
            unit = self.count.unit
            are = f"{unit[:-1]} is" if finished == 1 else f"{unit} are"
            self._say(f"going on: {finished} {are} finished, best {self.best}")

    def started(self, job: Job, retry_of: int | None, of_trial: int | None) -> None:
        """Show a trial in a free line."""
        if None not in self.lanes:  # a cluster has more room than this machine
            self.lanes.append(None)
        name = _name(job.number, of_trial)
        epochs = job.recipe.all_epochs(self.plan.weights.pretrains(job.recipe.model))
        self.begun = True
        self.lanes[self.lanes.index(None)] = Lane(job, name, epochs, time.monotonic())
        if not self.is_live:
            again = f", trial {retry_of} again" if of_trial is None else ", once more"
            again = "" if retry_of is None else again
            self._say(f"{name} started: {recipe_line(job)}{again}")

    def exhausted(self) -> None:
        """Say why the search ends before its target."""
        if not self.before:
            self.goes_on, self.count.total = False, self.count.done
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
        self.before.append(self.count)
        self.count, self.length = _Count("repeats", target), wanted.length
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
            self.count.done += 1
            self.ended_here += 1
        better = state == "complete" and (self.best_objective or 0) < float(detail)
        if better:
            self.best_objective, self.best = float(detail), f"{detail} ({name})"
        line = f"{name} {state}: {detail}{', the best so far' if better else ''}"
        if counts and not self.is_live:  # a live screen shows that all the time
            line += f"    {self.count.done} of {self.count.total} {self.count.unit}"
            line += f"  {self._outlook()}"
        self._say(line)

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

    def _totals(self) -> list[Row]:
        counts = [*self.before, self.count]
        if ahead := self._repeats_ahead():
            counts.append(_Count("repeats", ahead))
        return [
            Row(each.unit, each.done, each.total, (f"{each.done}/{each.total}", "", ""))
            for each in counts
        ]

    def _outlook(self) -> str:
        """Return the best so far, and the time left."""
        parts = [f"best {self.best}"]
        if left := self._time_left():
            ahead = self._repeats_ahead()
            most = "up to " if self.plan.resumed else ""  # some may be done already
            included = f", {most}{counted(ahead, 'repeat')} included" if ahead else ""
            parts.append(f"about {clock(left)} left{included}")
        return "  ".join(parts)

    def _repeats_ahead(self) -> int:
        """Return how many repeats follow the search, at most; none once they have begun."""
        wanted = self.plan.confirmation
        return 0 if self.before else min(wanted.top, self.count.total) * wanted.repeats

    def _time_left(self) -> float | None:
        """Return the seconds left, those of the confirmation included; None before it is known.

        Trials and repeats go on at the pace of this run so far. Repeats that are still ahead take
        as long as the trials that were completed here, since none of them is pruned.
        """
        passed = time.monotonic() - self.timed_from
        under_way = sum(lane.share_done for lane in self.lanes if lane)
        done = self.ended_here + under_way
        missing = max(0.0, self.count.total - self.count.done - under_way)
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
        self.said.append(line)


def _name(number: int, of_trial: int | None) -> str:
    return f"trial {number}" if of_trial is None else f"repeat of trial {of_trial}"
