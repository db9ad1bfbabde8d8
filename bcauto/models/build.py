"""A classifier for 0-255 RGB images: preprocessing, backbone, pooling, head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from bcauto.backbones import InputScale
from bcauto.models.small_cnn import small_cnn
from bcauto.recipe import Network
from bcauto.weights import Weights

__all__ = ["Classifier", "build_classifier"]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB in 0..1, as keras.applications has them
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR in 0..255


@dataclass(frozen=True)
class Classifier:
    """A Keras model and the backbone inside it.

    The model takes (n, h, w, 3) RGB in 0..255, of any dtype, and gives (n, classes) float32
    probabilities.
    """

    model: Any
    backbone: Any

    def freeze_backbone(self) -> None:
        """Leaves only the head to train; takes effect at the next ``compile``."""
        self.backbone.trainable = False

    def unfreeze_above(self, frozen_layers: int) -> None:
        """Lets the backbone's layers from ``frozen_layers`` on train, BatchNorm excepted.

        Frozen BatchNorm uses its stored statistics also in training. Takes effect at the
        next ``compile``.
        """
        self.backbone.trainable = True
        for position, layer in enumerate(self.backbone.layers):
            is_norm = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = position >= frozen_layers and not is_norm

    def copy_weights(self, other: Classifier) -> None:
        """Takes over all weights of a classifier of the same recipe."""
        self.model.set_weights(other.model.get_weights())
        for layer in self.backbone.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # it works with a copy of its weights

    @property
    def trainable_parameters(self) -> int:
        """Number of weights that training changes."""
        return int(sum(math.prod(weight.shape) for weight in self.model.trainable_weights))


def build_classifier(
    network: Network, image_size: tuple[int, int], classes: int, weights: Weights
) -> Classifier:
    """The classifier of a recipe, with its pretrained weights loaded.

    Args:
        network: backbone and head.
        image_size: (height, width) in px.
        classes: number of classes.
        weights: where pretrained weights come from.
    """
    inputs = keras.Input((*image_size, 3), name="image")
    backbone = _backbone(network, image_size, weights)
    features = backbone(_scaled(inputs, network.entry.scale))
    return Classifier(keras.Model(inputs, _head(features, network, classes)), backbone)


def _backbone(network: Network, image_size: tuple[int, int], weights: Weights) -> Any:
    shape = (*image_size, 3)
    if network.backbone == "SmallCNN":
        return small_cnn(shape)
    build = getattr(keras.applications, network.backbone)
    width = {"alpha": network.alpha} if len(network.entry.alphas) > 1 else {}
    file = weights.file(network)
    download = "imagenet" if weights.pretrains(network) and not file else None
    backbone = build(include_top=False, weights=download, input_shape=shape, **width)
    if network.backbone.startswith("EfficientNetB") and not download:
        backbone = _with_imagenet_scale(backbone)
    if file:
        backbone.load_weights(file)
    return backbone


def _with_imagenet_scale(efficientnet: Any) -> Any:
    """An EfficientNet with the layer that Keras puts in only where it downloads ImageNet weights.

    The weights need it wherever they come from, and a copy of a network all of its layers.
    """
    scale = [deviation**-0.5 for deviation in _IMAGENET_DEVIATION]

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        x = layer(*args, **kwargs)
        last = isinstance(layer, keras.layers.Normalization)
        return keras.layers.Rescaling(scale)(x) if last else x

    return keras.models.clone_model(efficientnet, call_function=call)


def _scaled(inputs: Any, scale: InputScale) -> Any:
    if scale == "symmetric":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    if scale == "torch":
        mean = [255 * value for value in _IMAGENET_MEAN]
        variance = [(255 * value) ** 2 for value in _IMAGENET_DEVIATION]
        return keras.layers.Normalization(mean=mean, variance=variance)(inputs)
    if scale == "caffe":
        bgr = keras.ops.flip(inputs, axis=-1)
        return keras.layers.Normalization(mean=list(_CAFFE_MEAN), variance=[1.0] * 3)(bgr)
    return inputs


def _head(features: Any, network: Network, classes: int) -> Any:
    x = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    x = keras.layers.Dropout(network.dropout)(x)
    for units in network.head_units:
        x = keras.layers.Dense(units, activation="relu")(x)
        x = keras.layers.Dropout(network.dropout)(x)
    # Softmax in float32 also under mixed precision: half a percent matters to the loss.
    return keras.layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
