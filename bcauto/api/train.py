"""``bcauto.train``: trains and scores one recipe as a search would."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Unpack

from bcauto.api.data import Data, as_file
from bcauto.api.models import handed_out
from bcauto.api.settings import TrainingSettings, given, lists_settings
from bcauto.api.words import in_python
from bcauto.display.tables import epoch_printer
from bcauto.driver.train import train_recipe
from bcauto.io.files import temporary_folder
from bcauto.io.toml import checked
from bcauto.prediction.source import ModelSource
from bcauto.recipe.pretrained import read_weights
from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe
from bcauto.recipe.scale import scaled_small
from bcauto.study.settings import DataSettings
from bcauto.training.shared_process import process_kept
from bcauto.trial import Scores

__all__ = ["Trained", "train"]

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class Trained:
    """A recipe that was trained.

    Attributes:
        recipe: what was trained.
        model: Keras', which takes 0-255 RGB and gives probabilities.
        class_names: in the model's order.
        objective: its score on corrupted validation images, in 0..1.
        clean_accuracy: its accuracy on validation images as they are, in 0..1.
        scores: all that it scored.
    """

    recipe: Recipe
    model: Any
    class_names: tuple[str, ...]
    objective: float
    clean_accuracy: float
    scores: Scores

    def __repr__(self) -> str:
        scores = f"objective {self.objective:.4f}, clean accuracy {self.clean_accuracy:.4f}"
        return f"<trained {self.recipe.model.label}: {scores}>"


@lists_settings(DataSettings)
def train(
    recipe: Recipe | AnyPath,
    data: Data = None,
    *,
    class_names: Sequence[str] | None = None,
    scale: Literal["full", "small"] = "full",
    progress: bool = True,
    **settings: Unpack[TrainingSettings],
) -> Trained:
    """Train one recipe, and score it as a search would.

    Args:
        recipe: a recipe, such as ``study.best.recipe``, the name of one, or a ``.toml`` file.
        data: as ``bcauto.search`` takes it.
        class_names: of arrays, in the order of the labels.
        scale: small puts the recipe on a small backbone.
        progress: whether to show each epoch's score.
    {settings}

    Raises:
        BadInput: data, weights or image size do not fit the recipe, or a setting breaks a rule.
        TrialFailed: the loss is no longer a number.
    """
    with (
        in_python(),
        process_kept(),
        as_file(data, class_names) as path,
        temporary_folder("train") as folder,
    ):
        chosen = recipe if isinstance(recipe, Recipe) else read_recipe(find_recipe(str(recipe)))
        chosen = scaled_small(chosen) if scale == "small" else chosen
        options = given({**settings, "data": path})
        checked_settings = checked(DataSettings, options, "train")
        epochs = chosen.all_epochs(read_weights(checked_settings.weights).pretrains(chosen.model))
        file = folder / "model.keras"
        report = epoch_printer(silent=not progress, epochs=epochs)
        found = train_recipe(chosen, checked_settings, file, report)
        names, result, resize = found.class_names, found.result, checked_settings.resize
        model = handed_out(ModelSource(file, "trained here", None, names, resize, found.bits))
    return Trained(chosen, model, names, result.objective, result.clean_accuracy, result.scores)
