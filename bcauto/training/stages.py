"""The stages of a training: the head on the frozen backbone, then fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from bcauto.models import Classifier
from bcauto.recipe import Recipe, Training
from bcauto.training.device import Device
from bcauto.training.losses import SoftCrossentropy

__all__ = ["Stage", "compile_stage", "plan_stages"]

_FLOOR = 0.05  # of the first rate, where the cosine ends

_OPTIMIZERS = {"adam": keras.optimizers.Adam, "lion": keras.optimizers.Lion}


@dataclass(frozen=True)
class Stage:
    """Some epochs at a rate (at their start), with so many backbone layers left alone.

    ``frozen_layers`` is None while the whole backbone is frozen, and 0 with ``from_scratch``
    where everything trains, BatchNorm too.
    """

    name: str
    epochs: int
    learning_rate: float
    frozen_layers: int | None
    from_scratch: bool = False


def plan_stages(recipe: Recipe, pretrained: bool) -> list[Stage]:
    """The stages that a recipe asks for; a network without pretrained weights has one."""
    training = recipe.training
    if not pretrained:
        return [Stage("scratch", training.epochs, training.learning_rate, 0, from_scratch=True)]
    frozen = recipe.model.frozen_layers
    head = Stage("head", training.head_epochs, training.head_learning_rate, None)
    tune = Stage("fine-tune", training.epochs, training.learning_rate, frozen)
    return [stage for stage in (head, tune) if stage.epochs]


def compile_stage(
    classifier: Classifier,
    stage: Stage,
    training: Training,
    loss: SoftCrossentropy,
    device: Device,
    steps: int,
) -> None:
    """Freezes what the stage freezes, and compiles the model for it.

    Args:
        classifier: changed in place.
        stage: the stage to come.
        training: names the optimizer.
        loss: what is minimised.
        device: decides on XLA.
        steps: batches in the whole stage, over which the rate falls along a cosine.
    """
    if stage.frozen_layers is None:
        classifier.freeze_backbone()
    elif not stage.from_scratch:
        classifier.unfreeze_above(stage.frozen_layers)
    classifier.model.compile(
        optimizer=_optimizer(training.optimizer, stage.learning_rate, steps),
        loss=loss,
        jit_compile=device.jit_compile,
    )


def _optimizer(name: str, rate: float, steps: int) -> Any:
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=_FLOOR)
    return _OPTIMIZERS[name](learning_rate=schedule)
