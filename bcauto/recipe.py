"""A recipe: one point of the search space, everything that one training needs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bcauto.augment import Augment
from bcauto.network import Freezing, Network
from bcauto.toml import Frozen, checked, read_toml, to_toml

__all__ = ["Network", "Recipe", "Training", "TrainingStage", "read_recipe"]

Rate = Annotated[float, Field(gt=0, le=1)]


class TrainingStage(Freezing):
    """Some epochs with so much of the backbone frozen; by default as ``model`` says it.

    The rate is by default the training's: ``head_learning_rate`` while the whole backbone is
    frozen, ``learning_rate`` after that.
    """

    epochs: int = Field(ge=1, le=1000)
    learning_rate: Rate | None = None
    batch_size: int | None = Field(None, ge=1, le=4096)


class Training(Frozen):
    """Two stages: the head on the frozen backbone, then the layers above the frozen ones.

    ``stages``, where there are any, take their place. A backbone without pretrained weights has no
    stage that freezes it: it trains whole from the start.
    """

    optimizer: Literal["adam", "lion"] = "adam"
    batch_size: int = Field(32, ge=1, le=4096)
    head_epochs: int = Field(2, ge=0, le=1000)
    head_learning_rate: Rate = 1e-3
    epochs: int = Field(10, ge=1, le=1000, description="of fine-tuning")
    learning_rate: Rate = Field(1e-4, description="of fine-tuning, at its start; cosine decay")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label that is spread evenly over all classes"
    )
    class_weight: Literal["none", "balanced"] = Field(
        "none", description="balanced: every class weighs the same, however rare"
    )
    stages: tuple[TrainingStage, ...] = Field(
        (), description="of gradual unfreezing, in place of head_epochs and epochs"
    )


class Recipe(Frozen):
    """Model, training and augmentation of one trial; equal recipes have equal fingerprints."""

    model: Network
    training: Training = Training()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _stages_freeze_layers_that_are_there(self) -> Recipe:
        for number, stage in enumerate(self.training.stages):
            try:
                stage.check_fits(self.model.entry)
            except ValueError as error:
                raise ValueError(f"training.stages.{number}: {error}") from None
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over every value, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_toml(self) -> str:
        """The recipe as a TOML document that ``read_recipe`` reads back."""
        return to_toml(self)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        BadInput: the file cannot be read, or a value breaks a rule.
    """
    return checked(Recipe, read_toml(path), path)
