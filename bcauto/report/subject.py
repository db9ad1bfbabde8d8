"""What a report is about: a study, read once, and what is missing from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from optuna.trial import FrozenTrial

from bcauto.errors import BcautoError
from bcauto.proxy.proxy import Proxy
from bcauto.report.look import Look, look_of
from bcauto.report.missing import Missing
from bcauto.report.pictures import StudyPictures, pictures_of
from bcauto.results.leaderboard import Entry, Leaderboard
from bcauto.results.open_study import OpenStudy
from bcauto.results.state import State, study_state
from bcauto.results.trials import Status, status
from bcauto.study.attributes import read_attributes
from bcauto.trial import TrialAttributes

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """A study as its report tells of it; what takes time is read when it is needed."""

    opened: OpenStudy

    @property
    def name(self) -> str:
        """The study's name."""
        return self.opened.folder.name

    @property
    def source(self) -> str:
        """The name of the data's file or folder, without the path on the machine."""
        path = self.opened.record.settings.data
        return Path(path).name if path else "the built-in cells"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the model's order."""
        return self.opened.record.data.class_names

    @cached_property
    def counted(self) -> Status:
        """Its trials by state."""
        return status(self.opened.study, self.name, self.opened.record.settings.trials)

    @cached_property
    def state(self) -> State:
        """Whether it is searched, finished or interrupted."""
        return study_state(self.opened)

    @property
    def board(self) -> Leaderboard:
        """Its recipes with their numbers."""
        return self.opened.leaderboard

    @cached_property
    def trials(self) -> dict[int, tuple[FrozenTrial, TrialAttributes]]:
        """Every trial with what is stored of it, by number; without those that were known."""
        asked = self.opened.study.get_trials(deepcopy=False) if self.opened.study else []
        stored = {trial.number: (trial, read_attributes(trial)) for trial in asked}
        return {number: each for number, each in stored.items() if each[1].duplicate_of is None}

    @property
    def first_start(self) -> Entry | None:
        """The first starting point of the space whose trial is COMPLETE."""
        entries = {entry.number: entry for entry in self.board.entries}
        starts = [n for n, (_, stored) in sorted(self.trials.items()) if stored.start is not None]
        return next((entries[number] for number in starts if number in entries), None)

    @cached_property
    def proxy(self) -> Proxy | Missing:
        """The corrupted validation pictures of the search."""
        try:
            return Proxy.load(self.opened.folder.proxy)
        except BcautoError as error:
            return Missing(f"the corrupted validation pictures cannot be read: {error}")

    @cached_property
    def pictures(self) -> StudyPictures | Missing:
        """All pictures of the data, and what became of each."""
        return pictures_of(self.opened)

    @cached_property
    def look(self) -> Look | Missing:
        """What the winner's model says of validation pictures."""
        won = self.board.winner
        if won is None:
            return Missing("no trial is complete yet")
        pictures = self.pictures
        return look_of(
            self.opened, won, pictures if isinstance(pictures, Missing) else pictures.val
        )

    def mean_corruptions(self, entry: Entry) -> dict[str, float]:
        """Return the score by corruption and severity: the mean over repeats, if there are any."""
        again = entry.confirmed
        runs = [run.scores.corruptions for run in (again.runs if again else [entry.trial])]
        return {name: fmean(run[name] for run in runs if name in run) for name in runs[0]}
