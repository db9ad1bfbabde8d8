"""Handing over a model: plain Keras, its recipe, a manifest, and a score that came back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bcauto.errors import BadInput, NothingUsable, first_line
from bcauto.io.model_file import INPUT, MODEL, find_model, look_into
from bcauto.models.from_config import count_described
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score
from bcauto.results.confirmation import Confirmed
from bcauto.results.kept import kept_model
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import StudyRecord
from bcauto.training.scoring import predict_labels, predict_probabilities

__all__ = ["LoadedModel", "export_trial", "load_model"]

_TOLERANCE = 0.002  # 0.2 points of accuracy

_REASON = 300  # characters: Keras shows a layer's whole configuration

RECIPE, MANIFEST = "recipe.toml", "manifest.json"


@dataclass(frozen=True)
class LoadedModel:
    """An exported model: its input size (h, w) in px, and the names of its classes."""

    model: Any
    image_size: tuple[int, int]
    class_names: tuple[str, ...]

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class indices (n,) int64 of images (n, h, w, 3) uint8."""
        return predict_labels(self.model, images)

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        """The probability of every class (n, classes) for images (n, h, w, 3) uint8."""
        return predict_probabilities(self.model, images)


def load_model(path: Path) -> LoadedModel:
    """A ``.keras`` file, or a folder with ``model.keras``; its manifest gives the class names.

    Raises:
        BadInput: there is no such model, or it is no image classifier that Keras can load safely.
    """
    file = find_model(path)
    config, weights = look_into(file)
    try:
        _check_parameters(config, weights)
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its readers raise
        reason = first_line(error)[:_REASON]
        raise BadInput(f"{file}: not a Keras model that can be loaded ({reason})") from None
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not _is_classifier(*shapes):
        raise BadInput(f"{file}: must take (n, h, w, 3) and give (n, classes), got {shapes}")
    _, height, width, _ = model.input_shape
    return LoadedModel(model, (height, width), _class_names(file, model.output_shape[-1]))


def export_trial(
    folder: StudyFolder,
    record: StudyRecord,
    best: CompletedTrial,
    out: Path,
    confirmed: Confirmed | None = None,
) -> Path:
    """Writes a trial's model, recipe and manifest to ``out``, scored again after loading.

    Which model stands for it, ``kept_model`` says.

    Returns:
        The folder written.

    Raises:
        BadInput: the trial's model is no longer kept, or ``out`` cannot be written to.
        NothingUsable: the score does not come back within 0.2 points.
    """
    kept = kept_model(folder, best, confirmed)
    _make_folder(out)
    with tempfile.TemporaryDirectory(dir=out, prefix=".partial-") as name:
        partial = Path(name)
        shutil.copyfile(kept.file, partial / MODEL)
        again = _score_again(partial / MODEL, kept.proxy)
        _check_same(kept.run, again)
        about = _manifest(folder, record, best, confirmed, again)
        manifest = json.dumps(about, indent=2)
        (partial / MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        (partial / RECIPE).write_text(best.recipe.to_toml(), encoding="utf-8")
        for file in (RECIPE, MANIFEST, MODEL):
            (partial / file).replace(out / file)
    return out


def _check_parameters(config: dict[str, Any], weights: int) -> None:
    """Raises ValueError where a model has more parameters than its weights have bytes.

    A few words can describe a layer that no memory holds; so the model is first made without any.
    """
    parameters = count_described(config)
    if parameters > weights:
        raise ValueError(
            f"its parameters must be in the file, got {parameters:,} and {weights:,} bytes of them"
        )


def _is_classifier(inputs: Any, outputs: Any) -> bool:
    if not (isinstance(inputs, tuple) and isinstance(outputs, tuple)):
        return False
    return len(inputs) == 4 and inputs[-1] == 3 and None not in inputs[1:] and len(outputs) == 2


def _class_names(file: Path, classes: int) -> tuple[str, ...]:
    manifest = file.with_name(MANIFEST)
    names: list[str] = []
    if manifest.exists():
        try:
            names = json.loads(manifest.read_text(encoding="utf-8"))["class_names"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadInput(f"{manifest}: damaged ({type(error).__name__}: {error})") from None
        if not _are_names(names):
            rule = "class_names must be different texts"
            raise BadInput(f"{manifest}: damaged ({rule}, got {repr(names)[:_REASON]})")
    return tuple(names) if len(names) == classes else tuple(map(str, range(classes)))


def _are_names(names: Any) -> bool:
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return texts and len(set(names)) == len(names)


def _make_folder(out: Path) -> None:
    with suppress(FileExistsError, NotADirectoryError, PermissionError):
        out.mkdir(parents=True, exist_ok=True)
    if not (out.is_dir() and os.access(out, os.W_OK)):
        raise BadInput(f"--out must be a folder that can be written to, got {out}")


def _score_again(file: Path, stored_proxy: Path) -> float:
    proxy = Proxy.load(stored_proxy)
    return score(proxy, load_model(file).predict_probabilities(proxy.images)).objective


def _check_same(run: CompletedTrial, again: float) -> None:
    if abs(again - run.objective) > _TOLERANCE:
        which = run.number if run.of_trial is None else run.of_trial
        raise NothingUsable(
            f"the model of trial {which} scores {again:.4f} after loading, not "
            f"{run.objective:.4f} as when it was trained; it is not handed over"
        )


def _manifest(
    folder: StudyFolder,
    record: StudyRecord,
    best: CompletedTrial,
    confirmed: Confirmed | None,
    again: float,
) -> dict[str, Any]:
    return {
        "study": folder.name,
        "trial": best.number,
        "objective": best.objective,
        "confirmed": confirmed and _confirmed_object(folder, confirmed),
        "objective_after_loading": again,
        "clean_accuracy": best.clean_accuracy,
        "scores": best.scores.model_dump(mode="json"),
        "class_names": list(record.data.class_names),
        "image_size": list(record.data.image_size),
        "input": INPUT,
        "fingerprints": record.identity.model_dump(include={"data", "space", "proxy"}),
        "seed": record.settings.seed,
        "versions": record.versions,
        "run": best.run.model_dump(mode="json"),
    }


def _confirmed_object(folder: StudyFolder, confirmed: Confirmed) -> dict[str, Any]:
    """What the repeats came to, and which of them is handed over."""
    return {
        "score": confirmed.score,
        "interval": list(confirmed.interval),
        "optimism": confirmed.optimism,
        "repeats": [
            {
                "number": run.number,
                "objective": run.objective,
                "scores": run.scores.model_dump(mode="json"),
            }
            for run in confirmed.runs
        ],
        "exported": confirmed.kept(folder).number,
    }
