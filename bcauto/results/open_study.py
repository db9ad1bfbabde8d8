"""Opening a study to read it; nothing is made where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna

from bcauto.io.toml import checked, read_toml
from bcauto.results.importance import importances
from bcauto.results.leaderboard import Leaderboard
from bcauto.results.trials import CompletedTrial, completed_trials, load_study
from bcauto.space.export import Export
from bcauto.space.space import Confirmation
from bcauto.storage.connect import check_exists, connect
from bcauto.study.folder import StudyFolder, find_study
from bcauto.study.settings import StudyRecord

__all__ = ["OpenStudy", "find_storage", "open_study"]


@dataclass(frozen=True)
class OpenStudy:
    """A study and its confirmation; each is None where the storage does not hold it.

    What is read of it is kept: open it again to see what came since.
    """

    folder: StudyFolder
    record: StudyRecord
    study: optuna.Study | None
    repeats: optuna.Study | None

    def complete(self) -> list[CompletedTrial]:
        """The COMPLETE trials, the best first."""
        return completed_trials(self.study) if self.study else []

    @cached_property
    def leaderboard(self) -> Leaderboard:
        """Its recipes with their numbers, and how far its confirmation is.

        Raises:
            BadInput: the study's own copy of its space is damaged.
            NothingUsable: a trial or a repeat is damaged.
        """
        name, seed = self.folder.name, self.record.settings.seed
        return Leaderboard.of(name, self.complete(), self.repeats, self.confirmation, seed)

    def importances(self) -> dict[str, float]:
        """How much each dimension matters, as shares of 1, the largest first."""
        return importances(self.study)

    @property
    def confirmation(self) -> Confirmation:
        """What follows the search: as its user gave it, or else as its space says.

        Raises:
            BadInput: the study's own copy of its space is damaged.
        """
        of_space = checked(Confirmation, self._space.get("confirm", {}), self.folder.space)
        return self.record.settings.confirmation(of_space)

    @property
    def export(self) -> Export:
        """What the study's space says of exports.

        Raises:
            BadInput: the study's own copy of its space is damaged.
        """
        return checked(Export, self._space.get("export", {}), self.folder.space)

    @cached_property
    def _space(self) -> dict[str, Any]:
        """The tables of the study's own copy of its space, unchecked."""
        return read_toml(self.folder.space)


def open_study(studies: Path, name: str | None, storage: str | None) -> OpenStudy:
    """Open the study of that name, or else the one written last.

    Raises:
        BadInput: there is no such study, or its storage is missing.
    """
    folder, url = find_storage(studies, name, storage)
    opened = connect(url)
    studies_of = (load_study(one, opened) for one in (folder.name, folder.confirm_name))
    return OpenStudy(folder, StudyRecord.read(folder), *studies_of)


def find_storage(studies: Path, name: str | None, storage: str | None) -> tuple[StudyFolder, str]:
    """Return a study's folder and the URL of its storage.

    Raises:
        BadInput: there is no such study, or its storage is missing.
    """
    folder = find_study(studies, name)
    url = StudyRecord.read(folder).settings.storage_url(folder, storage)
    check_exists(url)
    return folder, url
