"""The files of a study: how much disk they take, and which may be deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from bcauto.io.files import abandoned_files
from bcauto.io.new_output import abandoned
from bcauto.results.confirmation import confirmed
from bcauto.results.trials import completed_trials
from bcauto.study.attributes import read_attributes
from bcauto.study.folder import StudyFolder
from bcauto.study.trial_files import Keep
from bcauto.trial import checkpoint_path

__all__ = ["Kind", "RemovableFiles", "disk_size", "find_removable"]

_OPEN = (TrialState.WAITING, TrialState.RUNNING)
_EXPORT = ".partial-*"  # the folder of an export that is not finished


class Kind(Enum):
    """What a removable file was for."""

    MODELS = "models"
    """Models of trials of the search."""
    REPEATS = "repeats"
    """Models of repeats, which are trials of the confirmation."""
    CHECKPOINTS = "checkpoints"
    """Checkpoints of trials that will not be tried again."""
    PARTIAL = "partial"
    """Half-written files of processes that died."""


@dataclass(frozen=True)
class RemovableFiles:
    """Files of one kind that are no longer needed, and their size in bytes."""

    kind: Kind
    files: tuple[Path, ...]
    nbytes: int

    def delete(self) -> None:
        """Delete the files, and the folders of exports that were not finished."""
        for file in self.files:
            file.unlink(missing_ok=True)
        folders = {folder for file in self.files for folder in file.parents}
        for folder in (each for each in folders if each.match(_EXPORT)):
            shutil.rmtree(folder, ignore_errors=True)


def disk_size(path: Path) -> int:
    """Return the bytes of all files in a folder; a file deleted meanwhile counts as 0."""
    walked = os.walk(path)
    return _nbytes(Path(folder, name) for folder, _, names in walked for name in names)


def find_removable(
    folder: StudyFolder,
    study: optuna.Study | None,
    repeats: optuna.Study | None,
    *,
    keep: Keep,
    finished: bool,
) -> list[RemovableFiles]:
    """Return the files of each kind that are no longer needed; no search of the study may run.

    The best ``keep`` trials of the search keep their models. A confirmed trial keeps the model of
    its most typical repeat, which is the one that is exported.

    Args:
        folder: of the study.
        study: its search; None where the storage does not hold it, and then all models stay.
        repeats: its confirmation; None where none was begun.
        keep: how many of the best trials of the search keep their model.
        finished: whether the confirmation is over; until then, any repeat may become the most
            typical one, so the models of all stay.
    """
    models, repeat_models = folder.models, folder.confirm_model(0).parent
    found: dict[Kind, Iterable[Path]] = dict.fromkeys(Kind, ())
    if study is not None:
        found[Kind.MODELS] = _models_except(models, _kept_trials(study, keep))
        if repeats is not None:
            kept = _kept_repeats(folder, study, repeats, finished)
            found[Kind.REPEATS] = _models_except(repeat_models, kept)
    checkpoints = [*_checkpoints(models, study), *_checkpoints(repeat_models, repeats)]
    found[Kind.CHECKPOINTS] = checkpoints
    found[Kind.PARTIAL] = _half_written(folder.path)
    files = {kind: tuple(paths) for kind, paths in found.items()}
    return [RemovableFiles(kind, paths, _nbytes(paths)) for kind, paths in files.items()]


def _nbytes(files: Iterable[Path]) -> int:
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


# --- models ------------------------------------------------------------------------------------


def _models_except(folder: Path, kept: Collection[int]) -> list[Path]:
    """Return the models in a folder except those of the trials with these numbers."""
    files = sorted(folder.glob("[0-9]*.keras"))
    return [file for file in files if file.stem not in map(str, kept)]


def _kept_trials(study: optuna.Study, keep: Keep) -> list[int]:
    best = [trial.number for trial in completed_trials(study)]
    return best if keep == "all" else best[:keep]


def _kept_repeats(
    folder: StudyFolder, study: optuna.Study, repeats: optuna.Study, finished: bool
) -> list[int]:
    """Return the repeats whose models can be exported, now or when the confirmation goes on."""
    if finished:
        again = confirmed(completed_trials(study), completed_trials(repeats))
        return [each.kept(folder).number for each in again]
    return [trial.number for trial in completed_trials(repeats)]


# --- checkpoints and half-written files --------------------------------------------------------


def _checkpoints(folder: Path, study: optuna.Study | None) -> list[Path]:
    """Return the checkpoints in a folder from which no trial will go on."""
    if study is None:
        return []
    trials = study.get_trials(deepcopy=False)
    seeds = {_seed(trial, trials) for trial in trials if trial.state in _OPEN}
    kept = {checkpoint_path(folder / "model", seed) for seed in seeds if seed is not None}
    return sorted({*folder.glob("*.checkpoint.npz")} - kept)


def _seed(trial: FrozenTrial, trials: list[FrozenTrial]) -> int | None:
    """Return the seed of a trial; a retry that waits will take that of its first try."""
    stored = read_attributes(trial)
    while stored.seed is None and stored.retry_of is not None:
        stored = read_attributes(trials[stored.retry_of])
    return stored.seed


def _half_written(folder: Path) -> Iterator[Path]:
    """Yield the half-written files in a folder whose writers have died."""
    yield from abandoned_files(folder)
    exports = {path.parent for path in folder.rglob(_EXPORT)}
    for partial in (one for parent in sorted(exports) for one in abandoned(parent)):
        yield from sorted(file for file in partial.rglob("*") if file.is_file())
