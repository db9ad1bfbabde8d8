"""``bcauto.train``: trains and scores one recipe as a search would."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

from bcauto.api.data import Data, as_file
from bcauto.api.models import handed_out
from bcauto.api.settings import TrainingSettings, given, lists_settings
from bcauto.api.words import in_python
from bcauto.display.tables import open_console
from bcauto.driver.train import train_recipe, write_description
from bcauto.io.files import temporary_folder
from bcauto.io.model_file import MODEL
from bcauto.io.new_output import new_folder
from bcauto.io.toml import checked
from bcauto.prediction.source import ModelSource
from bcauto.recipe.pretrained import read_weights
from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe
from bcauto.recipe.scale import scaled_small
from bcauto.study.settings import DataSettings
from bcauto.training.shared_process import process_kept
from bcauto.trial import Report, Scores, TrialResult, say_epochs

__all__ = ["Trained", "train"]

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class Trained:
    """A recipe that was trained.

    Attributes:
        name: of the recipe, or its file.
        recipe: what was trained.
        model: Keras', which takes 0-255 RGB and gives probabilities.
        class_names: in the model's order.
        result: all that it scored, and how it was trained.
    """

    name: str
    recipe: Recipe
    model: Any
    class_names: tuple[str, ...]
    result: TrialResult

    @property
    def objective(self) -> float:
        """Its score on corrupted validation images, in 0..1."""
        return self.result.objective

    @property
    def clean_accuracy(self) -> float:
        """Its accuracy on validation images as they are, in 0..1."""
        return self.result.clean_accuracy

    @property
    def scores(self) -> Scores:
        """All its scores on corrupted images."""
        return self.result.scores

    def as_dict(self) -> dict[str, Any]:
        """Return what matters most as plain values, as ``bcauto train --json`` prints it."""
        return {
            "recipe": self.name,
            "objective": self.objective,
            "clean_accuracy": self.clean_accuracy,
            "held_out": self.scores.mean_held_out,
            "seconds": self.result.run.seconds,
        }

    def __repr__(self) -> str:
        found = self.as_dict()
        scores = ", ".join(
            f"{name.replace('_', ' ')} {found[name]:.4f}"
            for name in ("objective", "held_out", "clean_accuracy")
            if found[name] is not None
        )
        return f"{self.name} ({self.recipe.model.label}): {scores}, {found['seconds']:.0f} s"


@lists_settings(DataSettings)
def train(
    recipe: Recipe | AnyPath,
    data: Data = None,
    *,
    class_names: Sequence[str] | None = None,
    scale: Literal["full", "small"] = "full",
    out: AnyPath | None = None,
    progress: bool = True,
    **settings: Unpack[TrainingSettings],
) -> Trained:
    """Train one recipe, and score it as a search would.

    Args:
        recipe: a recipe, such as ``study.best.recipe``, the name of one, or a ``.toml`` file.
        data: as ``bcauto.search`` takes it.
        class_names: of arrays, in the order of the labels.
        scale: small puts the recipe on a small backbone.
        out: new folder for model, recipe and manifest. Default: none is kept.
        progress: whether to show each epoch's score.
    {settings}

    Raises:
        BadInput: data, weights or image size do not fit the recipe, or a setting breaks a rule.
        TrialFailed: the loss is no longer a number.
    """
    with in_python(), process_kept(), as_file(data, class_names) as path:
        options = checked(DataSettings, given({**settings, "data": path}), "train")
        name = "recipe" if isinstance(recipe, Recipe) else str(recipe)
        chosen = recipe if isinstance(recipe, Recipe) else read_recipe(find_recipe(name))
        chosen = scaled_small(chosen) if scale == "small" else chosen
        with new_folder(Path(out)) if out else temporary_folder("train") as folder:
            report = _report(chosen, options) if progress else _say_nothing
            found = train_recipe(chosen, options, folder / MODEL, report)
            write_description(folder, name, chosen, found, options)
            model = handed_out(ModelSource(folder / MODEL, name))
    return Trained(name, chosen, model, found.data.class_names, found.result)


def _report(recipe: Recipe, settings: DataSettings) -> Report:
    """Say what is trained, and return what prints each epoch's score."""
    epochs = recipe.all_epochs(read_weights(settings.weights).pretrains(recipe.model))
    where = settings.data or "built-in cells"
    line = f"training {recipe.model.label} on {where}; the first epoch takes longest"
    say = open_console().print
    say(line)
    return say_epochs(say, epochs)


def _say_nothing(_epoch: int, _score: float) -> None:
    """Take the place of a report."""
