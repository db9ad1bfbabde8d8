"""A classifier for 0-255 RGB images: resizing, preprocessing, backbone, head."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

from bcauto.models.backbone import build_backbone, scaled
from bcauto.models.blocks import blocks_of
from bcauto.models.head import build_head
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

__all__ = ["Classifier", "build_classifier", "count_trainable"]

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


@dataclass(frozen=True)
class Classifier:
    """A Keras model that classifies images.

    Attributes:
        model: takes (n, h, w, 3) RGB in 0..255, of any dtype, and gives (n, classes) float32
            probabilities.
        backbone: the model inside it that may be frozen.
        network: what it was built from.
    """

    model: Any
    backbone: Any
    network: Network

    def freeze(self, frozen_layers: int) -> None:
        """Freeze the first layers of the backbone, and what the network freezes in the others.

        Frozen BatchNorm uses its stored statistics also in training. It takes effect at the next
        ``compile``.
        """
        self.backbone.trainable = True  # sets every layer, whatever was frozen before
        for layer in self.backbone.layers[:frozen_layers]:
            layer.trainable = False
        for layer in self.backbone.layers[frozen_layers:]:
            for leaf in _leaves(layer):
                leaf.trainable = self._trains(leaf)

    def copy_weights(self, other: Classifier) -> None:
        """Copy all weights of a classifier of the same network."""
        self.model.set_weights(other.model.get_weights())
        for layer in self.backbone.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # it computes with a copy of its weights

    @property
    def trainable_parameters(self) -> int:
        """Number of weights that are trained."""
        return count_trainable(self.model)

    @property
    def first_trainable_block(self) -> str | None:
        """Name of the backbone's first block with weights that are trained; None if none has."""
        layers = self.backbone.layers
        training = (place for place, layer in enumerate(layers) if layer.trainable_weights)
        first = next(training, None)
        if first is None:
            return None
        return next(b.name for b in reversed(blocks_of(self.backbone)) if b.first <= first)

    def _trains(self, layer: Any) -> bool:
        """Whether a layer behind the frozen ones is trained."""
        if isinstance(layer, keras.layers.BatchNormalization):
            return not self.network.frozen_batch_norm
        return self.network.train_only == "all" or isinstance(layer, _CONVOLUTIONS)


def count_trainable(model: Any) -> int:
    """Return the number of a Keras model's weights that are trained."""
    return int(sum(math.prod(weight.shape) for weight in model.trainable_weights))


def build_classifier(
    network: Network, image_size: tuple[int, int], classes: int, weights: Weights
) -> Classifier:
    """Build the classifier of a network, with its pretrained weights loaded.

    Args:
        network: backbone and head.
        image_size: (height, width) in px.
        classes: number of classes.
        weights: where pretrained weights come from.
    """
    inputs = keras.Input((*image_size, 3), name="image")
    size = network.input_size(image_size)
    backbone = build_backbone(network, (*size, 3), weights)
    features = backbone(scaled(_resized(inputs, size), network.entry.scale))
    model = keras.Model(inputs, build_head(features, network, classes))
    return Classifier(model, backbone, network)


def _resized(images: Any, size: tuple[int, int]) -> Any:
    if tuple(images.shape[1:3]) == size:
        return images
    # The op instead of keras.layers.Resizing: called without ``training``, a model with that layer
    # runs what follows it in training mode, and BatchNorm gives other values.
    return keras.ops.image.resize(images, size, interpolation="bilinear")


def _leaves(layer: Any) -> Iterator[Any]:
    """Yield a layer, or if it is a model, the layers inside it."""
    if not isinstance(layer, keras.Model):
        yield layer
        return
    for inner in layer.layers:
        yield from _leaves(inner)
