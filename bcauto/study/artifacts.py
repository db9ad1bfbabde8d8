"""Optuna's artifacts of a study: files in its folder, which optuna-dashboard shows beside it."""

from __future__ import annotations

import filecmp
import json
import mimetypes
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from optuna.artifacts import ArtifactMeta
from optuna.storages import BaseStorage

from bcauto.io.files import atomic_write
from bcauto.study.folder import StudyFolder

__all__ = ["Artifacts"]

_ATTRIBUTE = "artifacts:"  # Optuna's; the artifact's id follows
_ANY = "application/octet-stream"


class Artifacts:
    """The artifacts of a study, as Optuna's ``FileSystemArtifactStore`` has them.

    Optuna's ``upload_artifact`` would make another one at each call, and copy large files.

    Args:
        storage: that holds the study.
        folder: of the study.

    Raises:
        KeyError: the storage does not hold it.
    """

    def __init__(self, storage: BaseStorage, folder: StudyFolder) -> None:
        self._storage, self._folder = storage, folder.artifacts
        self._study = storage.get_study_id_from_name(folder.name)

    def names(self) -> dict[str, str]:
        """The names of the artifacts, by their ids."""
        attributes = self._storage.get_study_system_attrs(self._study)
        stored = {
            key.removeprefix(_ATTRIBUTE): json.loads(value)
            for key, value in attributes.items()
            if key.startswith(_ATTRIBUTE)
        }  # null of those that were deleted in the dashboard
        return {key: each["filename"] for key, each in stored.items() if each is not None}

    def replace(self, files: Mapping[str, bytes | Path], ours: re.Pattern[str]) -> None:
        """Make files the artifacts whose names match ``ours``; others are left alone.

        What is there already stays as it is.

        Args:
            files: contents by name; what a path leads to is linked, and copied where links cannot
                be made.
            ours: matches all names of files, and those of earlier ones.

        Raises:
            OSError: a file cannot be written.
        """
        self._folder.mkdir(exist_ok=True)
        names = self.names()
        spare = [key for key, name in names.items() if ours.fullmatch(name) and name not in files]
        known = {name: key for key, name in names.items()}
        for name, content in files.items():
            # Optuna cannot list a study that an artifact was taken from, so ids are used again.
            key = known.get(name) or (spare.pop() if spare else str(uuid4()))
            if not _holds(self._folder / key, content):
                _write(self._folder / key, content)
            if names.get(key) != name:
                kind, encoding = mimetypes.guess_type(name)
                self._store(key, ArtifactMeta(key, name, kind or _ANY, encoding))
        for key in spare:
            self._store(key, None)
            (self._folder / key).unlink(missing_ok=True)

    def forget_missing(self) -> None:
        """Forget the artifacts whose file, or what it links to, is gone from the folder."""
        if self._folder.is_dir():  # else they lie on another machine
            for key in self.names():
                if not (self._folder / key).exists():
                    self._store(key, None)
                    (self._folder / key).unlink(missing_ok=True)

    def _store(self, key: str, meta: ArtifactMeta | None) -> None:
        """Store what is known of an artifact; None as the dashboard does for a deleted one."""
        value = json.dumps(asdict(meta) if meta else None)
        self._storage.set_study_system_attr(self._study, _ATTRIBUTE + key, value)


def _holds(path: Path, content: bytes | Path) -> bool:
    if not path.is_file():
        return False
    if isinstance(content, bytes):
        return path.read_bytes() == content
    return path.samefile(content) or filecmp.cmp(path, content, shallow=False)


def _write(path: Path, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        with atomic_write(path) as partial:
            partial.write_bytes(content)
        return
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(content, path.parent))
    except OSError:  # not every file system has links
        with atomic_write(path) as partial:
            shutil.copyfile(content, partial)
