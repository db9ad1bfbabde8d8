"""A recipe's model: a backbone, what of it trains, and a head; or a hypermodel and its values."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bcauto.errors import BadInput, did_you_mean
from bcauto.io.toml import Frozen
from bcauto.recipe.backbones import BACKBONES, Backbone

__all__ = ["Body", "Freezing", "Head", "Hypermodel", "Network", "Normalization"]

Normalization = Literal["none", "batch", "layer"]

_LABELS = {
    f"{entry.name}-{alpha}": (entry.name, alpha)
    for entry in BACKBONES.values()
    for alpha in entry.alphas
    if len(entry.alphas) > 1
}
"""Backbone and width by label."""

_MOST_DROPOUT = 0.9
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class Body(Frozen):
    """A backbone: its width, whether it starts pretrained, the side it sees images at.

    ``backbone`` may also be a label, such as ``MobileNet-0.25``, which says the width too. So one
    dimension of a space can choose both.
    """

    backbone: str
    alpha: float = Field(1.0, description="width multiplier of MobileNet and MobileNetV2")
    pretrained: bool = Field(
        True, description="false: from random weights, even where there are pretrained ones"
    )
    image_side: int = Field(
        0, ge=0, le=1024, description="px of the shorter side, resized inside; 0: native"
    )

    @field_validator("backbone")
    @classmethod
    def _backbone_is_known(cls, name: str) -> str:
        if name not in BACKBONES and name not in _LABELS:
            raise ValueError(f"unknown backbone {name!r}; {did_you_mean(name, BACKBONES)}")
        return name

    @model_validator(mode="after")
    def _label_says_the_width(self) -> Body:
        if self.backbone not in _LABELS:
            return self
        name, alpha = _LABELS[self.backbone]
        if "alpha" in self.model_fields_set and self.alpha != alpha:
            rule = f"alpha must be left out with backbone {self.backbone!r}, which says it"
            raise ValueError(f"{rule}, got {self.alpha}")
        # It is frozen, and a validator before it would lose pydantic's strictness of JSON.
        self.__dict__.update(backbone=name, alpha=alpha)
        return self

    @model_validator(mode="after")
    def _fits_backbone(self) -> Body:
        known = self.entry
        if self.alpha not in known.alphas:
            legal = ", ".join(map(str, known.alphas))
            one_of = "one of " if len(known.alphas) > 1 else ""
            raise ValueError(f"alpha of {self.backbone} must be {one_of}{legal}, got {self.alpha}")
        if 0 < self.image_side < known.least_side:
            rule = (
                f"image_side of {self.backbone} must be 0 (native), or {known.least_side} or more"
            )
            raise ValueError(f"{rule}, got {self.image_side}")
        return self

    @property
    def entry(self) -> Backbone:
        """The backbone's entry in the catalogue."""
        return BACKBONES[self.backbone]

    @property
    def label(self) -> str:
        """The backbone with its width, such as ``MobileNet-0.25``."""
        return self.backbone if len(self.entry.alphas) == 1 else f"{self.backbone}-{self.alpha}"

    def input_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) in px at which the backbone sees images of ``image_size``.

        Both sides are scaled alike; the shorter one becomes ``image_side``.
        """
        if not self.image_side:
            return image_size
        factor = self.image_side / min(image_size)
        return round(image_size[0] * factor), round(image_size[1] * factor)

    def check_takes(self, image_size: tuple[int, int]) -> None:
        """Check that the backbone takes images of ``image_size``, (height, width) in px.

        Raises:
            BadInput: they are too small for it.
        """
        side, least = min(self.input_size(image_size)), self.entry.least_side
        if side < least:
            raise BadInput(
                f"{self.backbone} takes images of at least {least} px, got {side} px: "
                "give --image-size or model.image_side, or take another backbone"
            )


class Freezing(Frozen):
    """How much of a backbone trains, set by at most one of three fields; the rest is frozen.

    A frozen layer keeps its weights, and a frozen BatchNorm its statistics too.
    """

    frozen_layers: int | None = Field(
        None, ge=0, description="layers, from the input on, that are frozen"
    )
    trainable_layers: int | None = Field(
        None, ge=0, description="layers, from the output back, that train; 0: the head alone"
    )
    trainable_fraction: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the parameters that trains, in the last blocks; rounded to whole "
        "blocks, to one of them at least unless it is 0",
    )

    @model_validator(mode="after")
    def _is_said_once(self) -> Freezing:
        given = {name: getattr(self, name) for name in Freezing.model_fields}
        said = {name: value for name, value in given.items() if value is not None}
        if len(said) > 1:
            values = " and ".join(map(str, said.values()))
            raise ValueError(f"{' and '.join(said)} exclude each other, got {values}")
        return self

    @property
    def is_said(self) -> bool:
        """Whether any field is set; without one the whole backbone trains."""
        return any(getattr(self, name) is not None for name in Freezing.model_fields)

    def check_fits(self, entry: Backbone) -> None:
        """Check that a backbone has so many layers.

        Raises:
            ValueError: it has fewer.
        """
        for name in ("frozen_layers", "trainable_layers"):
            count = getattr(self, name)
            if count is not None and count > entry.layers:
                rule = f"{name} of {entry.name} must be 0 to {entry.layers}"
                raise ValueError(f"{rule}, got {count}")


def _checked_dropout(value: Any) -> Any:
    """Check a number or a list of numbers with one message for both."""
    for one in value if isinstance(value, list | tuple) else [value]:
        number = isinstance(one, int | float) and not isinstance(one, bool)
        if not (number and 0 <= one <= _MOST_DROPOUT):
            rule = f"must be a number from 0 to {_MOST_DROPOUT}, or a list of them"
            raise ValueError(f"{rule}, got {value!r}")
    return tuple(value) if isinstance(value, list) else value


class Head(Frozen):
    """The layers from features to classes: pooling, dense layers, softmax.

    In this order: ``feature_normalization``, squeeze-and-excitation, pooling,
    ``pooled_normalization``, dropout; for each of ``head_units`` a dense layer, ``normalization``,
    ``activation``, dropout; softmax.
    """

    pooling: Literal["average", "max", "flatten"] = "average"
    head_units: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (), description="widths of the dense layers between pooling and softmax"
    )
    normalization: Normalization = Field("none", description="after each dense layer")
    activation: Literal["relu", "leaky_relu", "gelu"] = Field(
        "relu", description="of each dense layer; the slope of leaky_relu is 0.2"
    )
    dropout: Annotated[float | tuple[float, ...], BeforeValidator(_checked_dropout)] = Field(
        0.3, description="after pooling and each dense layer; one for all, or one for each"
    )
    squeeze_excitation: bool = Field(
        False, description="weighs the channels before pooling (Hu et al. 2018, ratio 16)"
    )
    feature_normalization: Normalization = Field(
        "none", description="of the features, before squeeze-and-excitation and pooling"
    )
    pooled_normalization: Normalization = Field("none", description="right after pooling")
    l2: float = Field(
        0.0,
        ge=0,
        le=1,
        description="times the sum of the squared kernels of the dense layers, and of the "
        "convolutions of bcauto's own networks, is added to the loss",
    )

    @model_validator(mode="after")
    def _has_a_dropout_for_each_layer(self) -> Head:
        layers = 1 + len(self.head_units)
        if isinstance(self.dropout, tuple) and len(self.dropout) != layers:
            rule = f"dropout must be one number, or {layers}: after pooling and each of head_units"
            raise ValueError(f"{rule}, got {list(self.dropout)}")
        return self

    @property
    def dropouts(self) -> tuple[float, ...]:
        """The rate after pooling, and after each dense layer."""
        if isinstance(self.dropout, tuple):
            return self.dropout
        return (self.dropout,) * (1 + len(self.head_units))


class Network(Head, Freezing, Body):
    """A backbone, what of it fine-tuning trains, and a head; in TOML one flat table.

    A network that starts from random weights trains whole, whatever is set here.
    """

    train_only: Literal["all", "convolutions"] = Field(
        "all",
        description="of the backbone's layers that train: all, or but the convolutions (Conv2D, "
        "DepthwiseConv2D, SeparableConv2D)",
    )
    frozen_batch_norm: bool = Field(
        True, description="whether BatchNorm keeps weights and statistics in layers that train"
    )

    @model_validator(mode="after")
    def _freezes_layers_that_are_there(self) -> Network:
        self.check_fits(self.entry)
        return self


class Hypermodel(Frozen):
    """A KerasTuner hypermodel by where it is found, and the values that its ``build`` is given.

    It stands in the place of a ``Network`` where the table has the key ``hypermodel``. Optimizer,
    rates and loss are its own.
    """

    hypermodel: str = Field(
        description="package.module:Name of a keras_tuner.HyperModel, or of a build(hp) function"
    )
    values: dict[str, str | int | float | bool] = Field(
        {}, description="by hyperparameter; one that is not named takes its default"
    )
    input_scale: Literal[1, 255] = Field(
        255, description="what it takes pixels to: 255 as they are, 1 divided by 255"
    )

    @field_validator("hypermodel")
    @classmethod
    def _is_reference(cls, reference: str) -> str:
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(f"must be package.module:Name, got {reference!r}")
        return reference

    def check_takes(self, _image_size: tuple[int, int]) -> None:
        """Do nothing: a hypermodel is built for the size, and may refuse it then."""

    @property
    def label(self) -> str:
        """The hypermodel's name without its module."""
        return self.hypermodel.partition(":")[2]
