"""A trial's model exported: plain Keras, its recipe, a manifest, and a score that came back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bcauto.errors import NothingUsable
from bcauto.export.folder import export_folder, write_description
from bcauto.export.load import load_model
from bcauto.io.model_file import INPUT, MODEL
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score
from bcauto.results.confirmation import Confirmed
from bcauto.results.kept import kept_model
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import StudyRecord

__all__ = ["check_score", "export_trial", "trial_manifest"]

_TOLERANCE = 0.002  # 0.2 points of accuracy


def export_trial(
    folder: StudyFolder,
    record: StudyRecord,
    best: CompletedTrial,
    out: Path,
    confirmed: Confirmed | None = None,
) -> Path:
    """Write a trial's model, recipe and manifest to ``out``.

    Which of a confirmed trial's models is exported is decided by ``kept_model``. It is loaded and
    scored again first; all three files are written before the first replaces an older one.

    Returns:
        The folder written.

    Raises:
        BadInput: the trial's model is no longer kept, or ``out`` cannot be written to.
        NothingUsable: after loading the model scores otherwise, by more than 0.2 points.
    """
    kept = kept_model(folder, best, confirmed)
    with export_folder(out) as partial:
        shutil.copyfile(kept.file, partial / MODEL)
        loaded, proxy = load_model(partial / MODEL), Proxy.load(kept.proxy)
        loaded_score = score(proxy, loaded.predict_probabilities(proxy.images)).objective
        run = kept.run
        trial = run.number if run.of_trial is None else run.of_trial
        check_score(
            f"the model of trial {trial}", loaded_score, run.objective, "when it was trained"
        )
        manifest = trial_manifest(folder, record, best, confirmed, loaded_score)
        write_description(partial, manifest, best.recipe)
    return out


def check_score(model: str, loaded: float, expected: float, source: str) -> None:
    """Check that a model scores after loading what it scored before, to 0.2 points.

    Args:
        model: what the message calls it.
        loaded: its score after loading, in 0..1.
        expected: its score before.
        source: where that comes from, for the message.

    Raises:
        NothingUsable: it does not.
    """
    if abs(loaded - expected) > _TOLERANCE:
        rule = f"{model} scores {loaded:.4f} after loading, not {expected:.4f} as {source}"
        raise NothingUsable(f"{rule}; it is not exported")


def trial_manifest(
    folder: StudyFolder,
    record: StudyRecord,
    best: CompletedTrial,
    confirmed: Confirmed | None,
    loaded_score: float,
) -> dict[str, Any]:
    """Return the manifest of a trial's model, as plain values that JSON can hold."""
    return {
        "study": folder.name,
        "trial": best.number,
        "objective": best.objective,
        "confirmed": confirmed and _confirmation(folder, confirmed),
        "objective_after_loading": loaded_score,
        "clean_accuracy": best.clean_accuracy,
        "scores": best.scores.model_dump(mode="json"),
        "class_names": list(record.data.class_names),
        "image_size": list(record.data.image_size),
        "resize": record.settings.resize,
        "input": INPUT,
        "fingerprints": record.identity.model_dump(include={"data", "space", "proxy"}),
        "seed": record.settings.seed,
        "versions": record.versions,
        "run": best.run.model_dump(mode="json"),
    }


def _confirmation(folder: StudyFolder, confirmed: Confirmed) -> dict[str, Any]:
    """The score of the repeats, and the number of the one whose model is exported."""
    return {
        "score": confirmed.score,
        "interval": list(confirmed.interval),
        "seed_variance": confirmed.seed_variance,
        "optimism": confirmed.optimism,
        "length": confirmed.length,
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
