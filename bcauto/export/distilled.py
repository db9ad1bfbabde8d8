"""One small network that learns the mean of several: distillation (Hinton et al. 2015)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bcauto.data.dataset import Dataset
from bcauto.export.combined import Combined, handed_over
from bcauto.export.load import load_model
from bcauto.export.model import ExportedModel, proxy_recalls
from bcauto.hardware import count_cores
from bcauto.io.model_file import MODEL
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score
from bcauto.recipe.pretrained import read_weights
from bcauto.results.open_study import OpenStudy
from bcauto.seeds import derive
from bcauto.training.run import run_trial
from bcauto.trial import Job, Say, say_epochs

__all__ = ["write_distilled"]


def write_distilled(
    opened: OpenStudy,
    data: Dataset,
    combined: Combined,
    again: Proxy,
    partial: Path,
    say: Say,
) -> tuple[ExportedModel, Combined]:
    """Train the winner's network on what a combined model says of augmented pictures.

    It trains as the winner's repeats did, for as many epochs, with the combined model's
    probabilities in place of labels. It replaces the combined model in the folder.

    Args:
        opened: the study.
        data: of the study.
        combined: what the model in the folder is.
        again: the confirmation's proxy.
        partial: the folder.
        say: told each epoch and its score on the probe of the search's proxy, in 0..1.

    Returns:
        The new model, and how it came about.

    Raises:
        TrialFailed: the loss is no longer a number.
    """
    settings = opened.record.settings
    teacher = (partial / MODEL).rename(partial / "teacher.keras")
    job = Job(
        number=combined.own.number,
        recipe=combined.own.recipe,
        seed=derive(settings.seed, "distil", combined.own.number),
        model_path=partial / MODEL,
        teacher=teacher,
    )
    weights, proxy = read_weights(settings.weights), Proxy.load(opened.folder.proxy)
    try:
        result = run_trial(job, data, proxy, weights, say_epochs(say), count_cores())
    finally:
        teacher.unlink()
        job.checkpoint_path.unlink(missing_ok=True)
    loaded = load_model(partial / MODEL)
    probabilities = loaded.predict_probabilities(again.images)
    found = score(again, probabilities)
    student = handed_over(loaded.model, again.images, found.objective, found)
    made = replace(combined, distilled=student)
    recalls = proxy_recalls(again, probabilities)
    return ExportedModel.made(made.name, found, recalls, result.scores.clean), made
