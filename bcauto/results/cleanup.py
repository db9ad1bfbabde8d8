"""A study's files: how much disk they take, and which of them nothing needs any more."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.io.files import abandoned_files
from bcauto.results.confirmation import confirmed
from bcauto.results.trials import completed_trials
from bcauto.study.attributes import read_attributes
from bcauto.study.folder import StudyFolder
from bcauto.study.trial_files import Keep
from bcauto.trial import checkpoint_path

__all__ = ["Kind", "Unneeded", "disk_size", "unneeded"]

_OPEN = (TrialState.WAITING, TrialState.RUNNING)
_EXPORT = ".partial-*"  # the folder of an export that was not finished
_EXPORT_TIME = 3600.0  # seconds without a file written, until its export counts as dead


class Kind(Enum):
    """What a file that nothing needs any more was for."""

    MODELS = "models"
    """Of trials of the search."""
    REPEATS = "repeats"
    """Models of repeats."""
    CHECKPOINTS = "checkpoints"
    """Of trials that will not be tried again."""
    PARTIAL = "partial"
    """Half written, by a process that died."""


@dataclass(frozen=True)
class Unneeded:
    """Files of one kind that nothing needs any more; their size in bytes."""

    kind: Kind
    files: tuple[Path, ...]
    nbytes: int

    def delete(self) -> None:
        """Frees what they take."""
        for file in self.files:
            file.unlink(missing_ok=True)
        for folder in {file.parent for file in self.files if file.parent.match(_EXPORT)}:
            with suppress(OSError):  # something else lies there
                folder.rmdir()


def disk_size(path: Path) -> int:
    """The bytes of all files in a folder; one that goes meanwhile counts for nothing."""
    walked = os.walk(path)
    return _nbytes(Path(folder, name) for folder, _, names in walked for name in names)


def unneeded(
    folder: StudyFolder,
    study: optuna.Study | None,
    repeats: optuna.Study | None,
    keep: Keep,
    finished: bool,
) -> list[Unneeded]:
    """What nothing needs any more, for each kind, while nobody searches the study.

    Every trial can still be handed over that can be handed over now, but for those behind the
    best ``keep``: one that was confirmed is its most typical repeat, another one its own model.

    Args:
        folder: of the study.
        study: its search; None where the storage knows none, and then no model is unneeded.
        repeats: its confirmation; None where none was begun.
        keep: how many of the search's best keep their model.
        finished: whether the confirmation will not go on; before, every repeat may become the
            most typical one.
    """
    models, again = folder.models, folder.confirm_model(0).parent
    found = {
        Kind.MODELS: [] if study is None else _models(models, _best(study, keep)),
        Kind.REPEATS: []
        if study is None or repeats is None
        else _models(again, _repeats(folder, study, repeats, finished)),
        Kind.CHECKPOINTS: [*_checkpoints(models, study), *_checkpoints(again, repeats)],
        Kind.PARTIAL: list(_partial(folder.path)),
    }
    return [Unneeded(kind, tuple(files), _nbytes(files)) for kind, files in found.items()]


def _nbytes(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


# --- models ------------------------------------------------------------------------------------


def _models(folder: Path, kept: Collection[int]) -> list[Path]:
    """The models in a folder but for those that are kept, by the numbers of their trials."""
    files = sorted(folder.glob("[0-9]*.keras"))
    return [file for file in files if file.stem not in map(str, kept)]


def _best(study: optuna.Study, keep: Keep) -> list[int]:
    best = [trial.number for trial in completed_trials(study)]
    return best if keep == "all" else best[:keep]


def _repeats(
    folder: StudyFolder, study: optuna.Study, repeats: optuna.Study, finished: bool
) -> list[int]:
    """The repeats whose models are handed over, or may yet be."""
    if finished:
        return [each.kept(folder).number for each in confirmed(study, repeats)]
    return [trial.number for trial in completed_trials(repeats)]


# --- what trials left behind -------------------------------------------------------------------


def _checkpoints(folder: Path, study: optuna.Study | None) -> list[Path]:
    """The checkpoints in a folder that no trial will go on from."""
    if study is None:
        return []
    trials = study.get_trials(deepcopy=False)
    seeds = {_seed(trial, trials) for trial in trials if trial.state in _OPEN}
    kept = {checkpoint_path(folder / "model", seed) for seed in seeds if seed is not None}
    return sorted({*folder.glob("*.checkpoint.npz")} - kept)


def _seed(trial: FrozenTrial, trials: list[FrozenTrial]) -> int | None:
    """The seed that a trial trains with; a retry that waits has that of its first try."""
    stored = read_attributes(trial)
    while stored.seed is None and stored.retry_of is not None:
        stored = read_attributes(trials[stored.retry_of])
    return stored.seed


def _partial(folder: Path) -> Iterator[Path]:
    """Half-written files in a folder that nobody writes any more."""
    yield from abandoned_files(folder)
    for export in sorted(folder.rglob(_EXPORT)):
        files = sorted(file for file in export.rglob("*") if file.is_file())
        last = max(path.stat().st_mtime for path in (export, *files))
        if export.is_dir() and time.time() - last > _EXPORT_TIME:
            yield from files
