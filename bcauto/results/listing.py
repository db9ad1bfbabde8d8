"""All studies of a folder at a glance, whatever is wrong with one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bcauto.errors import first_line
from bcauto.results.cleanup import disk_size
from bcauto.results.leaderboard import Leaderboard
from bcauto.results.open_study import open_study
from bcauto.results.state import State, study_state
from bcauto.results.trials import Status, status
from bcauto.storage.connect import storage_failures_in_one_line
from bcauto.study.folder import StudyFolder, existing_studies
from bcauto.study.lock import searching_process

__all__ = ["Listed", "list_studies"]


@dataclass(frozen=True)
class Listed:
    """A study as it was found.

    Attributes:
        study: its name.
        nbytes: its size on disk.
        written: when it was last written, in seconds since the epoch.
        state: None where it could not be read.
        counted: its trials; None where they could not be read.
        board: its recipes, and how far its confirmation is; None likewise.
        problem: one line about why it could not be read.
    """

    study: str
    nbytes: int
    written: float
    state: State | None = None
    counted: Status | None = None
    board: Leaderboard | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as ``bcauto studies --json`` prints them.

        None is what could not be read, or is not there.
        """
        counted, unknown = self.counted, {"confirmed": None, "repeats": None}
        return {
            "study": self.study,
            "bytes": self.nbytes,
            "written": datetime.fromtimestamp(self.written, UTC).isoformat(timespec="seconds"),
            "state": self.state and self.state.value,
            "target": counted and counted.target,
            "trials": counted and counted.trials,
            "best": counted and counted.as_dict()["best"],
            **(self.board.as_dict() if self.board else unknown),
            "problem": self.problem,
        }


def list_studies(studies: Path) -> list[Listed]:
    """Return the studies of a folder, the one written last first."""
    with ThreadPoolExecutor() as pool:  # so that storages out of reach are waited for together
        found = pool.map(lambda name: _look(studies, name), existing_studies(studies))
        return sorted(found, key=lambda each: (-each.written, each.study))


def _look(studies: Path, name: str) -> Listed:
    folder = StudyFolder(studies / name)
    on_disk = name, disk_size(folder.path), folder.last_written()
    try:
        with storage_failures_in_one_line():
            opened = open_study(studies, name, None)
            counted = status(opened.study, name, opened.record.settings.trials)
            return Listed(*on_disk, study_state(opened), counted, opened.leaderboard)
    except Exception as error:  # whatever is wrong with one, the others are listed
        state = State.SEARCHING if searching_process(folder) else None
        return Listed(*on_disk, state, problem=first_line(error))
