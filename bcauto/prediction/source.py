"""The model that predicts: a file, an export, or the best that a study has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bcauto.data.fingerprints import FINGERPRINTS, PictureFingerprints
from bcauto.data.resize import Resize
from bcauto.errors import BadInput, NothingUsable, did_you_mean
from bcauto.export.folder import read_export
from bcauto.hardware import count_cores
from bcauto.io.model_file import MODEL, read_description
from bcauto.results.kept import kept_model
from bcauto.results.open_study import OpenStudy, open_study
from bcauto.storage.connect import storage_failures_in_one_line
from bcauto.study.folder import existing_studies
from bcauto.study.lock import searching_process
from bcauto.training.device import start_keras

if TYPE_CHECKING:  # it imports Keras
    from bcauto.export.load import LoadedModel

__all__ = ["ModelSource", "find_source", "load_source"]


@dataclass(frozen=True)
class ModelSource:
    """A model's file, and where it comes from.

    Attributes:
        file: of the model.
        origin: which model it is, as a sentence says it.
        study: whose it is; None for a file that was given itself.
        class_names: of a model that has no manifest beside it.
        resize: what became of pictures of another shape when such a model was trained.
        bits: how many bits files of 16 bits had then; None where it is not known.
    """

    file: Path
    origin: str
    study: str | None = None
    class_names: tuple[str, ...] | None = None
    resize: Resize = "stretch"
    bits: int | None = None

    def fingerprints(self) -> PictureFingerprints | None:
        """Return those of the pictures that it was made with; None where they are not known.

        Raises:
            BadInput: they are damaged.
        """
        for folder in self.file.parents[:2]:  # of an export, or of the study that keeps the model
            if (folder / FINGERPRINTS).is_file():
                return PictureFingerprints.load(folder / FINGERPRINTS)
        return None


def find_source(given: str, studies: Path, storage: str | None) -> ModelSource:
    """Return the model that a path or the name of a study stands for.

    Of a study it is the exported model, or else that of the winner so far.

    Args:
        given: a ``.keras`` file, a folder with a ``model.keras``, a study's name or its folder.
        studies: folder of the studies.
        storage: Optuna storage URL; None for the study's own.

    Raises:
        BadInput: there is no such model, or the study is still being searched.
        NothingUsable: no trial of the study is complete.
    """
    path = Path(given)
    file = path / MODEL if path.is_dir() else path
    if file.is_file():
        return ModelSource(file, str(file))
    if (path / "study.toml").is_file():
        studies, name = path.resolve().parent, path.resolve().name
    else:
        name = given
        if name not in (known := existing_studies(studies)):
            rule = f"must be a .keras file, a folder with {MODEL}, or a study in {studies}"
            raise BadInput(f"MODEL {rule}, got {given!r}; {did_you_mean(given, known)}")
    with storage_failures_in_one_line():
        return _of_study(open_study(studies, name, storage))


def load_source(source: ModelSource) -> LoadedModel:
    """Start Keras, and load the model; a wrong file is refused before TensorFlow starts.

    Raises:
        BadInput: it is no image classifier that Keras can load safely.
    """
    read_description(source.file)
    start_keras(count_cores())
    from bcauto.export.load import load_model

    loaded = load_model(source.file)
    if source.class_names is None:
        return loaded
    names, resize, bits = source.class_names, source.resize, source.bits
    if len(names) != (got := len(loaded.class_names)):
        rule = f"must have the {len(names)} classes of study {source.study!r}"
        raise BadInput(f"{source.file}: {rule}, got a model of {got}")
    return replace(loaded, class_names=names, resize=resize, bits=bits)


def _of_study(opened: OpenStudy) -> ModelSource:
    folder, name = opened.folder, opened.folder.name
    best = opened.leaderboard.winner
    if best is None:
        raise NothingUsable(f"no trial of study {name!r} is complete yet")
    if (exported := folder.best / MODEL).is_file():
        trial = (read_export(folder.best) or {}).get("trial")
        newer = f"; trial {best.number} wins by now, which bcauto best {name} --export exports"
        origin = f"{exported}, exported from trial {trial} of study {name}"
        return ModelSource(exported, origin + newer * (trial not in (best.number, None)), name)
    if searching_process(folder):
        raise BadInput(
            f"study {name!r} is still being searched and has no exported model: wait for its end, "
            f"or export the best so far with: bcauto best {name} --export"
        )
    kept = kept_model(folder, best)
    which = "trained again" if best.confirmed else "of the search"
    origin = f"{kept.file}, kept of trial {best.number} of study {name} ({which}, not exported)"
    record = opened.record
    data, resize = record.data, record.settings.resize
    return ModelSource(kept.file, origin, name, data.class_names, resize, data.bits)
