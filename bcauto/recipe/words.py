"""A recipe in words, for those who will not read its TOML."""

from __future__ import annotations

from bcauto.augment.policies import Augment, Basic
from bcauto.recipe.network import Freezing, Hypermodel, Network
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training, TrainingStage

__all__ = ["recipe_in_words"]

_HEAD = "of the head alone"
_SCHEDULES = {
    "cosine": "fall along a cosine",
    "exponential": "fall exponentially",
    "reduce_on_plateau": "are reduced on plateaus",
    "constant": "stay",
}
_BALANCES = {
    "class_weight": "Classes weigh the same in the loss, however rare.",
    "oversample": "Pictures of rare classes came several times an epoch.",
}


def recipe_in_words(recipe: Recipe, weights: str) -> list[str]:
    """Return sentences about model, training and augmentation.

    Args:
        recipe: to be told.
        weights: what networks start from, as a study's settings have it: "imagenet", "none", ...
    """
    model, augmentation = recipe.model, _augmentation(recipe.augment)
    if isinstance(model, Hypermodel):
        return [*_hypermodel(model, recipe.training), *augmentation]
    pretrained = model.pretrained and model.entry.pretrained and weights != "none"
    training = _training(recipe.training, model, pretrained)
    return [*_network(model, pretrained), *training, *augmentation]


def _hypermodel(model: Hypermodel, training: Training) -> list[str]:
    values = ", ".join(f"{name} = {value}" for name, value in model.values.items())
    return [
        f"The KerasTuner hypermodel `{model.hypermodel}` with {values or 'its defaults'}.",
        f"It trained for at most {training.epochs} epochs in batches of {training.batch_size}, "
        "with its own optimizer and loss.",
    ]


def _network(model: Network, pretrained: bool) -> list[str]:
    start = "pretrained weights" if pretrained else "random weights"
    side = f", its pictures resized to {model.image_side} px inside" if model.image_side else ""
    dense = ", ".join(map(str, model.head_units))
    parts = {
        f"{model.feature_normalization} normalization": model.feature_normalization != "none",
        "squeeze-and-excitation": model.squeeze_excitation,
        f"{model.pooling} pooling": True,
        f"{model.pooled_normalization} normalization after it": (
            model.pooled_normalization != "none"
        ),
        f"dense layers of {dense} units ({model.activation})": bool(dense),
        f"{model.normalization} normalization after each": (
            bool(dense) and model.normalization != "none"
        ),
        f"dropout {', '.join(f'{rate:g}' for rate in model.dropouts)}": any(model.dropouts),
        f"L2 {model.l2:g}": bool(model.l2),
        "softmax over the classes": True,
    }
    head = ", ".join(part for part, used in parts.items() if used)
    return [f"{model.label}, from {start}{side}.", f"Its head: {head}."]


def _training(training: Training, model: Network, pretrained: bool) -> list[str]:
    decay = f" with a weight decay of {training.weight_decay:g}" if training.weight_decay else ""
    loss = "focal loss" if training.loss == "focal" else "cross-entropy"
    smoothing = training.label_smoothing
    smooth = f" with labels smoothed by {smoothing:g}" if smoothing else ""
    average = training.weight_average
    told = [
        f"Trained by {training.optimizer}{decay}, in batches of {training.batch_size}, at rates "
        f"that {_SCHEDULES[training.schedule]}; the loss is {loss}{smooth}.",
        _stages(training, model, pretrained),
    ]
    if average:
        told.append(f"Its weights are a moving average over the steps ({average:g}).")
    if training.balance != "none":
        told.append(_BALANCES[training.balance])
    return told


def _stages(training: Training, model: Network, pretrained: bool) -> str:
    head = TrainingStage(epochs=max(training.head_epochs, 1), trainable_layers=0)
    two = [head] * bool(training.head_epochs) + [TrainingStage(epochs=training.epochs)]
    stages = list(training.stages or two)
    if not pretrained:  # no stage freezes anything
        stages = [stage for stage in stages if stage.trainable_layers != 0] or stages[-1:]
    parts = []
    for stage in stages:
        part = _trained(stage if stage.is_said else model) if pretrained else "of the whole network"
        usual = training.head_learning_rate if part == _HEAD else training.learning_rate
        rate = (stage.learning_rate or usual) * training.rate_factor
        epochs = "1 epoch" if stage.epochs == 1 else f"{stage.epochs} epochs"
        parts.append(f"{epochs} {part} at {rate:.3g}")
    return f"At most {', then '.join(parts)}."


def _trained(part: Freezing) -> str:
    """Return which part of a network trains in a stage."""
    if part.trainable_layers == 0 or part.trainable_fraction == 0:
        return _HEAD
    if part.trainable_layers is not None:
        return f"of the head and the last {part.trainable_layers} layers"
    if part.trainable_fraction is not None and part.trainable_fraction < 1:
        return f"of the head and {part.trainable_fraction:.0%} of the backbone's parameters"
    if part.frozen_layers:
        return f"of all but the first {part.frozen_layers} layers"
    return "of the whole network"


def _augmentation(augment: Augment) -> list[str]:
    policies = {
        _basic(augment.basic): augment.basic,
        "a chain of many ops": augment.wide,
        "RandAugment": augment.randaugment,
        "AugMix": augment.augmix,
        "MixUp": augment.mixup,
        "CutMix": augment.cutmix,
    }
    used = [
        f"{name} ({one.probability:.0%} of them)"
        for name, one in policies.items()
        if one and one.probability
    ]
    if not used:
        return ["Training pictures were not augmented."]
    return [f"Training pictures were augmented by {'; '.join(used)}."]


def _basic(basic: Basic | None) -> str:
    """Return the changes that a basic policy makes, such as ``flip, zoom``."""
    changes = [name for name in Basic.model_fields if name != "probability"]
    return ", ".join(name for name in changes if getattr(basic, name, 0)) or "nothing"
