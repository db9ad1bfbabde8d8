"""One recipe, trained and scored without a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bcauto.data.dataset import load
from bcauto.data.leaks import Leaks
from bcauto.hardware import count_cores
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.pretrained import check_models, read_weights
from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job, Report, TrialResult, trial_seed

__all__ = ["TrainedRecipe", "train_recipe"]


@dataclass(frozen=True)
class TrainedRecipe:
    """What training a recipe came to, the classes of the data, and its (h, w) in px."""

    result: TrialResult
    class_names: tuple[str, ...]
    image_size: tuple[int, int]


def train_recipe(
    recipe: Recipe,
    data: Path | None,
    weights: str,
    seed: int,
    model: Path,
    report: Report,
    image_size: int | None = None,
    leaks: Leaks = "refuse",
) -> TrainedRecipe:
    """What a trial of this recipe comes to in a search with the default proxy and this seed.

    Args:
        recipe: what to train.
        data: what ``bcauto.data.read`` takes; None for the built-in cells.
        weights: ``imagenet``, ``none`` or a folder of weights.
        seed: of split, proxy and training.
        model: where the trained model goes.
        report: told each epoch's score on the probe, in 0..1.
        image_size: side in px to resize to; None for the data's own.
        leaks: what becomes of training images that are near duplicates of validation images.

    Raises:
        BadInput: data, weights or image size do not fit the recipe.
        TrialFailed: the loss is no longer a number.
    """
    found = read_weights(weights)
    dataset = load(data, image_size, seed, leaks)
    check_models([recipe.model], dataset.image_size, found)
    val = dataset.val
    proxy = make_proxy(val.images, val.labels, ProxyConfig(), derive(seed, "proxy"))
    payload = Payload(dataset, proxy, found, modules=str(Path.cwd()))
    trainer = Trainer(payload, threads=count_cores())
    job = Job(0, recipe, trial_seed(seed, recipe), model)
    try:
        result = trainer.run(job, report)
    finally:
        job.checkpoint_path.unlink(missing_ok=True)  # nothing goes on from it
    return TrainedRecipe(result, dataset.class_names, dataset.image_size)
