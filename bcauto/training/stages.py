"""The stages of a training: the head on the frozen backbone, then more and more of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bcauto.models.blocks import count_frozen
from bcauto.models.build import Classifier
from bcauto.recipe.recipe import Recipe, Training, TrainingStage
from bcauto.training.accumulation import accumulate_gradients
from bcauto.training.device import Device
from bcauto.training.losses import SoftCrossentropy
from bcauto.training.optimizers import make_optimizer

__all__ = ["Stage", "compile_stage", "plan_stages"]


@dataclass(frozen=True)
class Stage:
    """Some epochs at a rate (at its highest), with so many backbone layers left alone.

    ``frozen_layers`` counts from the input; all of them leave the head alone to train. With
    ``from_scratch`` everything trains, BatchNorm too. Each step's batch is trained in
    ``accumulate`` parts.
    """

    name: str
    epochs: int
    learning_rate: float
    frozen_layers: int
    from_scratch: bool = False
    batch_size: int = 32
    accumulate: int = 1


def plan_stages(recipe: Recipe, classifier: Classifier, pretrained: bool) -> list[Stage]:
    """The stages that a recipe asks for, with what each one freezes counted in layers.

    Without pretrained weights nothing is frozen, and what would train the head alone is left out.
    """
    asked = _asked(recipe.training, pretrained)
    planned = [_planned(name, stage, recipe, classifier) for name, stage in asked.items()]
    if pretrained:
        return planned
    layers = len(classifier.backbone.layers)
    whole = [stage for stage in planned if stage.frozen_layers < layers] or planned[-1:]
    return [replace(stage, frozen_layers=0, from_scratch=True) for stage in whole]


def _asked(training: Training, pretrained: bool) -> dict[str, TrainingStage]:
    """The recipe's stages by their names; where it has none, the head and fine-tuning."""
    if training.stages:
        return {f"stage {number}": stage for number, stage in enumerate(training.stages, 1)}
    stages = {}
    if training.head_epochs:
        stages["head"] = TrainingStage(epochs=training.head_epochs, trainable_layers=0)
    stages["fine-tune" if pretrained else "scratch"] = TrainingStage(
        epochs=training.epochs, learning_rate=training.learning_rate
    )
    return stages


def _planned(name: str, stage: TrainingStage, recipe: Recipe, classifier: Classifier) -> Stage:
    training = recipe.training
    frozen = count_frozen(stage if stage.is_said else classifier.network, classifier.backbone)
    head_alone = frozen == len(classifier.backbone.layers)
    rate = training.head_learning_rate if head_alone else training.learning_rate
    return Stage(
        name,
        stage.epochs,
        stage.learning_rate or rate,
        frozen,
        batch_size=stage.batch_size or training.batch_size,
    )


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
    if not stage.from_scratch:
        classifier.freeze(stage.frozen_layers)
    model = classifier.model
    optimizer = make_optimizer(training, stage.learning_rate, model.trainable_variables)
    accumulate_gradients(optimizer, stage.accumulate)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=device.jit_compile)
