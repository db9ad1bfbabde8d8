"""A recipe: one point of the search space, everything that one training needs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bcauto.augment import Augment
from bcauto.backbones import BACKBONES, Backbone
from bcauto.errors import choices
from bcauto.toml import Frozen, checked, read_toml, to_toml

__all__ = ["Network", "Recipe", "Training", "read_recipe"]

Rate = Annotated[float, Field(gt=0, le=1)]


class Network(Frozen):
    """A backbone and a head.

    A recipe names its model in the ``model`` table, which is what a model built elsewhere
    (a reference and its values) will take the place of.
    """

    backbone: str
    alpha: float = Field(1.0, description="width multiplier of MobileNet and MobileNetV2")
    frozen_layers: int = Field(
        0, ge=0, description="layers, from the input, that fine-tuning leaves as they are"
    )
    head_units: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (), description="widths of the dense layers between pooling and softmax"
    )
    dropout: float = Field(0.3, ge=0, le=0.9, description="after pooling and each dense layer")

    @field_validator("backbone")
    @classmethod
    def _backbone_is_known(cls, name: str) -> str:
        if name not in BACKBONES:
            raise ValueError(f"unknown backbone {name!r}; {choices(name, BACKBONES)}")
        return name

    @model_validator(mode="after")
    def _fits_backbone(self) -> Network:
        known = self.entry
        if self.alpha not in known.alphas:
            legal = ", ".join(map(str, known.alphas))
            raise ValueError(f"alpha of {self.backbone} must be one of {legal}, got {self.alpha}")
        if self.frozen_layers > known.layers:
            rule = f"frozen_layers of {self.backbone} must be 0 to {known.layers}"
            raise ValueError(f"{rule}, got {self.frozen_layers}")
        return self

    @property
    def entry(self) -> Backbone:
        """What the catalogue says of the backbone."""
        return BACKBONES[self.backbone]

    @property
    def label(self) -> str:
        """The backbone with its width, such as ``MobileNet-0.25``."""
        return self.backbone if len(self.entry.alphas) == 1 else f"{self.backbone}-{self.alpha}"


class Training(Frozen):
    """Two stages: the head on the frozen backbone, then the layers above the frozen ones.

    A backbone without pretrained weights has no head stage: it trains whole from the start.
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


class Recipe(Frozen):
    """Model, training and augmentation of one trial; equal recipes have equal fingerprints."""

    model: Network
    training: Training = Training()
    augment: Augment = Augment()

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
