"""A recipe at a scale that two cores train in minutes, otherwise kept as it is."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf
from typing import Any

from bcauto.errors import BadInput
from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Hypermodel, Network
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training, TrainingStage

__all__ = ["SMALL_EPOCHS", "scaled_small"]

SMALL_EPOCHS = 12
"""Epochs of a small training over all its stages, each of which gets one at least."""

_MOBILE_NET = {"backbone": "MobileNet", "alpha": 0.25}
_MOBILE_NET_V2 = {"backbone": "MobileNetV2", "alpha": 0.35}
_NEAREST = {
    "VGG": _MOBILE_NET,
    "ResNet": _MOBILE_NET,
    "Inception": _MOBILE_NET,
    "Xception": _MOBILE_NET,
    "DenseNet": _MOBILE_NET,
    "MobileNetV": _MOBILE_NET_V2,
    "NASNet": _MOBILE_NET_V2,
    "EfficientNet": _MOBILE_NET_V2,
    "ConvNeXt": _MOBILE_NET_V2,
    "MobileNet": _MOBILE_NET,
}
"""By the beginning of a backbone's name: with inverted bottlenecks MobileNetV2, else MobileNet."""


def scaled_small(recipe: Recipe) -> Recipe:
    """Return the recipe on the small backbone nearest to its own, trained for ``SMALL_EPOCHS``.

    Images keep their native size. Counts of frozen or trained layers become the same share of the
    small backbone's. Epochs are cut in one proportion to a sum of ``SMALL_EPOCHS``, or of as many
    as there are stages if that is more. Oversampling to a count, which was meant for other data,
    becomes oversampling to the largest class. Networks that train from scratch become ``SmallCNN``.

    Raises:
        BadInput: the model is a hypermodel, which cannot be made smaller.
    """
    network = recipe.model
    if isinstance(network, Hypermodel):
        rule = "--scale small needs a recipe with a backbone"
        raise BadInput(f"{rule}, got the hypermodel {network.hypermodel!r}")
    model = _small_network(network)
    factor = model.entry.layers / network.entry.layers
    stages = tuple(_scaled_layers(stage, factor) for stage in recipe.training.stages)
    changes: dict[str, Any] = _cut_epochs(recipe.training, stages)
    if recipe.training.oversample_to:
        changes["oversample_to"] = 0
    training = recipe.training.model_copy(update=changes)
    return Recipe(model=model, training=training, augment=recipe.augment)


def _small_network(network: Network) -> Network:
    small: dict[str, Any] = {"backbone": "SmallCNN", "alpha": 1.0}
    if network.pretrained and network.entry.pretrained:
        small = next(to for name, to in _NEAREST.items() if network.backbone.startswith(name))
    factor = BACKBONES[small["backbone"]].layers / network.entry.layers
    scaled = _scaled_layers(network, factor)
    return Network.model_validate({**scaled.model_dump(), **small, "image_side": 0})


def _scaled_layers(freezing: Any, factor: float) -> Any:
    """Return a copy whose counts of layers are multiplied by ``factor``."""
    names = ("frozen_layers", "trainable_layers")
    counts = {name: getattr(freezing, name) for name in names}
    update = {name: round(count * factor) for name, count in counts.items() if count is not None}
    return freezing.model_copy(update=update)


def _cut_epochs(training: Training, stages: tuple[TrainingStage, ...]) -> dict[str, Any]:
    """Return a training's fields of epochs, cut to a sum of at most ``SMALL_EPOCHS``."""
    total = min(SMALL_EPOCHS, training.all_epochs)
    if not stages:
        head, epochs = _in_proportion((training.head_epochs, training.epochs), total)
        return {"head_epochs": head, "epochs": epochs}
    cut = _in_proportion([stage.epochs for stage in stages], total)
    new = zip(stages, cut, strict=True)
    return {"stages": tuple(stage.model_copy(update={"epochs": n}) for stage, n in new)}


def _in_proportion(counts: Sequence[int], total: int) -> list[int]:
    """Return counts scaled to a sum of ``total`` by largest remainder; only a 0 becomes 0."""
    exact = [total * count / sum(counts) for count in counts]
    cut = [max(floor(share), min(count, 1)) for share, count in zip(exact, counts, strict=True)]
    short = [n for n in range(len(cut)) if exact[n] > cut[n]]
    for n in sorted(short, key=lambda n: cut[n] - exact[n])[: max(0, total - sum(cut))]:
        cut[n] += 1
    for _ in range(sum(cut) - total):  # what was kept from becoming 0 comes from the others
        longest = max(range(len(cut)), key=lambda n: cut[n] - exact[n] if cut[n] > 1 else -inf)
        cut[longest] -= cut[longest] > 1
    return cut
