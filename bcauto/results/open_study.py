"""Opening a study to read it; nothing is made where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import optuna

from bcauto.io.toml import checked, read_toml
from bcauto.results.confirmation import Confirmed, confirmed, winner
from bcauto.results.importance import importances
from bcauto.results.trials import CompletedTrial, completed_trials, load_study
from bcauto.space.export import Export
from bcauto.space.space import Confirmation
from bcauto.storage.connect import check_exists, connect
from bcauto.study.folder import StudyFolder, find_study
from bcauto.study.settings import StudyRecord

__all__ = ["OpenStudy", "find_storage", "open_study"]


@dataclass(frozen=True)
class OpenStudy:
    """A study and its confirmation; each is None where the storage does not hold it."""

    folder: StudyFolder
    record: StudyRecord
    study: optuna.Study | None
    repeats: optuna.Study | None

    def complete(self) -> list[CompletedTrial]:
        """The COMPLETE trials, the best first."""
        return completed_trials(self.study) if self.study else []

    def importances(self) -> dict[str, float]:
        """How much each dimension matters, as shares of 1, the largest first."""
        return importances(self.study)

    @property
    def confirmation(self) -> Confirmation:
        """What follows the search: as its user gave it, or else as its space says.

        Raises:
            BadInput: the study's own copy of its space is damaged.
        """
        file = self.folder.space
        of_space = checked(Confirmation, read_toml(file).get("confirm", {}), file)
        return self.record.settings.confirmation(of_space)

    @property
    def export(self) -> Export:
        """What the study's space says of exports.

        Raises:
            BadInput: the study's own copy of its space is damaged.
        """
        file = self.folder.space
        return checked(Export, read_toml(file).get("export", {}), file)

    def confirmed(self) -> list[Confirmed]:
        """The trials that were trained again, the best first."""
        return confirmed(self.study, self.repeats) if self.study else []

    def winner(self) -> Confirmed | None:
        """The trial that wins of those that were trained again; None where none was."""
        repeated = self.confirmed()
        return winner(repeated, self.confirmation.prefer) if repeated else None


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
