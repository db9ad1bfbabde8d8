"""Opening a study that a command reads; nothing is made where it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    import optuna

    from bcauto.results.confirmation import Confirmed
    from bcauto.results.trials import CompletedTrial
    from bcauto.study.folder import StudyFolder
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
        """Return the COMPLETE trials, the best first."""
        from bcauto.results.trials import completed_trials

        return completed_trials(self.study) if self.study else []

    def importances(self) -> dict[str, float]:
        """Return how much each dimension matters, as shares of 1, the largest first."""
        from bcauto.results.importance import importances

        return importances(self.study)

    def confirmed(self) -> list[Confirmed]:
        """Return the trials that were trained again, the best first."""
        from bcauto.results.confirmation import confirmed

        return confirmed(self.study, self.repeats) if self.study else []


def open_study(studies: Path, name: str | None, storage: str | None) -> OpenStudy:
    """Return the study of that name, or else the one written last.

    Raises:
        BadInput: there is no such study, or its storage is missing.
    """
    from bcauto.results.trials import load_study
    from bcauto.storage.connect import connect
    from bcauto.study.settings import StudyRecord

    folder, url = find_storage(studies, name, storage)
    opened = connect(url)
    studies_of = (load_study(one, opened) for one in (folder.name, folder.confirm_name))
    return OpenStudy(folder, StudyRecord.read(folder), *studies_of)


def find_storage(studies: Path, name: str | None, storage: str | None) -> tuple[StudyFolder, str]:
    """Return a study's folder and the URL of its storage.

    Raises:
        BadInput: there is no such study, or its storage is missing.
    """
    from bcauto.storage.connect import check_exists
    from bcauto.study.folder import find_study
    from bcauto.study.settings import StudyRecord

    folder = find_study(studies, name)
    url = StudyRecord.read(folder).settings.storage_url(folder, storage)
    check_exists(url)
    return folder, url
