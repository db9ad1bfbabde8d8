"""Deleting the files that a study no longer needs."""

from __future__ import annotations

from contextlib import nullcontext

from bcauto.api.read import read_study
from bcauto.results.cleanup import RemovableFiles, find_removable
from bcauto.results.open_study import find_storage
from bcauto.results.state import is_finished
from bcauto.storage.connect import connect
from bcauto.study.artifacts import Artifacts
from bcauto.study.attributes import read_identity
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked
from bcauto.study.trial_files import Keep

__all__ = ["clean_study"]


def clean_study(
    folder: StudyFolder, storage: str | None, keep: Keep | None, dry_run: bool
) -> list[RemovableFiles]:
    """Delete the files that a study no longer needs.

    Args:
        folder: of the study.
        storage: Optuna storage URL; None for the study's own.
        keep: how many of the best trials keep their model; None for as many as its search was told.
        dry_run: delete nothing.

    Returns:
        The files of each kind that were deleted, or could be.

    Raises:
        BadInput: the study is being searched, or the storage holds another of its name.
    """
    alone = nullcontext() if dry_run else locked(folder, advice="clean it when that has ended")
    with alone, read_study(folder.path.parent, folder.name, storage) as opened:
        if opened.study and (stored := read_identity(opened.study)):
            stored.check_same(opened.record.identity, folder.name)
        found = find_removable(
            opened.folder,
            opened.study,
            opened.repeats,
            keep=opened.record.settings.keep if keep is None else keep,
            finished=is_finished(opened),
        )
        for removable in () if dry_run else found:
            removable.delete()
        if opened.study and not dry_run:  # artifacts are links to models
            _, url = find_storage(folder.path.parent, folder.name, storage)
            Artifacts(connect(url), folder).forget_missing()
    return found
