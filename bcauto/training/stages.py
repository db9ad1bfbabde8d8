"""The stages of a training: the head on a frozen backbone first, then more and more layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bcauto.models.blocks import count_frozen
from bcauto.models.build import Classifier
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training, TrainingStage
from bcauto.training.accumulation import accumulate_gradients
from bcauto.training.device import Device
from bcauto.training.losses import SoftCrossentropy
from bcauto.training.optimizers import make_optimizer

__all__ = ["Stage", "compile_stage", "plan_stages"]


@dataclass(frozen=True)
class Stage:
    """Some epochs with the same frozen layers, at one learning rate with its schedule.

    Attributes:
        name: in messages and in the trial's record.
        epochs: at most.
        learning_rate: at its highest.
        frozen_layers: backbone layers that do not train, counted from the input; if that is all of
            them, only the head trains.
        from_scratch: everything trains, BatchNorm too.
        batch_size: images in a step.
        accumulate: micro-batches that each step's batch is divided into.
        weight_average: decay of the moving average of the weights; 0: they are not averaged.
    """

    name: str
    epochs: int
    learning_rate: float
    frozen_layers: int
    from_scratch: bool = False
    batch_size: int = 32
    accumulate: int = 1
    weight_average: float = 0.0


def plan_stages(recipe: Recipe, classifier: Classifier, pretrained: bool) -> list[Stage]:
    """Return the stages that a recipe asks for, with what each one freezes counted in layers.

    Without pretrained weights nothing is frozen, and a stage that trains only the head is left out.
    """
    asked = _named_stages(recipe.training, pretrained)
    planned = [_plan_stage(name, stage, recipe, classifier) for name, stage in asked.items()]
    if pretrained:
        return planned
    layers = len(classifier.backbone.layers)
    kept = [stage for stage in planned if stage.frozen_layers < layers] or planned[-1:]
    return [replace(stage, frozen_layers=0, from_scratch=True) for stage in kept]


def _named_stages(training: Training, pretrained: bool) -> dict[str, TrainingStage]:
    """Return a recipe's stages by name; if it lists none, the head's and fine-tuning's."""
    if training.stages:
        return {f"stage {number}": stage for number, stage in enumerate(training.stages, 1)}
    stages = {}
    if training.head_epochs:
        stages["head"] = TrainingStage(epochs=training.head_epochs, trainable_layers=0)
    stages["fine-tune" if pretrained else "scratch"] = TrainingStage(
        epochs=training.epochs, learning_rate=training.learning_rate
    )
    return stages


def _plan_stage(name: str, stage: TrainingStage, recipe: Recipe, classifier: Classifier) -> Stage:
    training = recipe.training
    frozen = count_frozen(stage if stage.is_said else classifier.network, classifier.backbone)
    head_only = frozen == len(classifier.backbone.layers)
    rate = training.head_learning_rate if head_only else training.learning_rate
    return Stage(
        name,
        stage.epochs,
        training.rate_factor * (stage.learning_rate or rate),
        frozen,
        batch_size=stage.batch_size or training.batch_size,
        weight_average=training.weight_average,
    )


def compile_stage(
    classifier: Classifier,
    stage: Stage,
    training: Training,
    loss: SoftCrossentropy,
    device: Device,
) -> None:
    """Freeze the layers that a stage freezes, and compile the model for it.

    Args:
        classifier: changed in place.
        stage: the stage to be trained.
        training: names the optimizer.
        loss: is minimised.
        device: decides whether XLA compiles the model.
    """
    if not stage.from_scratch:
        classifier.freeze(stage.frozen_layers)
    model = classifier.model
    optimizer = make_optimizer(training, stage.learning_rate, model.trainable_variables)
    accumulate_gradients(optimizer, stage.accumulate)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=device.jit_compile)
    # As ``fit`` does it; built in the first step, it would make TensorFlow trace that step twice.
    model.optimizer.build(model.trainable_variables)
