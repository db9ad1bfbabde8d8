"""The stages of a training: the head on the frozen backbone, then fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from bcauto.models import Classifier
from bcauto.recipe import Recipe, Training
from bcauto.training.device import Device
from bcauto.training.losses import SoftCrossentropy
from bcauto.training.optimizers import make_optimizer

__all__ = ["Stage", "compile_stage", "plan_stages"]


@dataclass(frozen=True)
class Stage:
    """Some epochs at a rate (at its highest), with so many backbone layers left alone.

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
) -> None:
    """Freezes what the stage freezes, and compiles the model for it.

    Args:
        classifier: changed in place.
        stage: the stage to come.
        training: names the optimizer.
        loss: what is minimised.
        device: decides on XLA.
    """
    if stage.frozen_layers is None:
        classifier.freeze_backbone()
    elif not stage.from_scratch:
        classifier.unfreeze_above(stage.frozen_layers)
    model = classifier.model
    optimizer = make_optimizer(training, stage.learning_rate, model.trainable_variables)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=device.jit_compile)
