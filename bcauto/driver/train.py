"""One recipe, trained and scored without a study."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bcauto.data.dataset import Dataset
from bcauto.data.fingerprints import FINGERPRINTS, PictureFingerprints
from bcauto.driver.materials import study_proxy
from bcauto.hardware import count_cores
from bcauto.io.model_file import INPUT, MANIFEST
from bcauto.proxy.config import ProxyConfig
from bcauto.recipe.pretrained import check_models, read_weights
from bcauto.recipe.recipe import Recipe
from bcauto.study.settings import DataSettings
from bcauto.study_data import load_data
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job, Report, TrialResult, trial_seed

__all__ = ["TrainedRecipe", "train_recipe", "write_description"]


@dataclass(frozen=True)
class TrainedRecipe:
    """The result of training a recipe, and the data that it trained on."""

    result: TrialResult
    data: Dataset


def train_recipe(
    recipe: Recipe, settings: DataSettings, model: Path, report: Report
) -> TrainedRecipe:
    """Train and score a recipe as a search with the default proxy and the same settings would.

    Args:
        recipe: what to train.
        settings: the data set, how it is read and split, the weights, and the seed.
        model: where the trained model goes.
        report: told each epoch's score on the probe, in 0..1.

    Raises:
        BadInput: data, weights or image size do not fit the recipe.
        TrialFailed: the loss is no longer a number.
    """
    weights = read_weights(settings.weights)
    data = load_data(settings)
    check_models([recipe.model], data.image_size, weights)
    proxy = study_proxy(data, ProxyConfig(), settings.seed)
    payload = Payload(data, proxy, weights, modules=str(Path.cwd()))
    trainer = Trainer(payload, threads=count_cores())
    job = Job(0, recipe, trial_seed(settings.seed, recipe), model)
    try:
        result = trainer.run(job, report)
    finally:
        job.checkpoint_path.unlink(missing_ok=True)  # no retry will need it
    return TrainedRecipe(result, data)


def write_description(
    folder: Path, name: str, recipe: Recipe, trained: TrainedRecipe, settings: DataSettings
) -> None:
    """Write recipe, manifest and fingerprints of pictures beside a model that was trained.

    The manifest has what a user of the model must know, by the names that an export uses.
    """
    scores, data = trained.result.scores, trained.data
    manifest = {
        "recipe": name,
        "class_names": list(data.class_names),
        "image_size": list(data.image_size),
        "resize": settings.resize,
        **({"bits": data.bits} if data.bits else {}),
        "input": INPUT,
        "model": {
            **trained.result.as_dict(),
            "interval": list(scores.interval),
            "held_out": scores.mean_held_out,
        },
    }
    PictureFingerprints.of(data).save(folder / FINGERPRINTS)
    (folder / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
