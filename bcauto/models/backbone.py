"""Backbones as Keras models, and the scaling of images for them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras

from bcauto.models.cifar_cnn import cifar_cnn
from bcauto.models.four_block_cnn import four_block_cnn
from bcauto.models.small_cnn import small_cnn
from bcauto.models.u_net import u_net
from bcauto.recipe.backbones import InputScale
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights, download_lock

__all__ = ["build_backbone", "scaled"]

_OWN = {
    "SmallCNN": small_cnn,
    "FourBlockCNN": four_block_cnn,
    "CifarCNN": cifar_cnn,
    "UNet": u_net,
}
_IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB in 0..1, as keras.applications has them
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR in 0..255


def build_backbone(network: Network, shape: tuple[int, int, int], weights: Weights) -> Any:
    """Return the backbone of a network, without top, with its pretrained weights loaded.

    Args:
        network: names the backbone.
        shape: (height, width, 3) of its input, which ``scaled`` makes.
        weights: where pretrained weights come from.
    """
    if network.backbone in _OWN:
        return _OWN[network.backbone](shape, network.l2)
    build = getattr(keras.applications, network.backbone)
    width = {"alpha": network.alpha} if len(network.entry.alphas) > 1 else {}
    file = weights.file(network)
    download = "imagenet" if weights.pretrains(network) and not file else None
    with download_lock(network, shape[:2]) if download else nullcontext():
        backbone = build(include_top=False, weights=download, input_shape=shape, **width)
    if network.backbone.startswith("EfficientNetB") and not download:
        backbone = _with_imagenet_scale(backbone)
    if file:
        backbone.load_weights(file)
    return backbone


def scaled(images: Any, scale: InputScale) -> Any:
    """Return 0-255 RGB images as a backbone of that input scale takes them."""
    if scale == "symmetric":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    if scale == "torch":
        mean = [255 * value for value in _IMAGENET_MEAN]
        variance = [(255 * value) ** 2 for value in _IMAGENET_DEVIATION]
        return keras.layers.Normalization(mean=mean, variance=variance)(images)
    if scale == "caffe":
        bgr = keras.ops.flip(images, axis=-1)
        return keras.layers.Normalization(mean=list(_CAFFE_MEAN), variance=[1.0] * 3)(bgr)
    return images


def _with_imagenet_scale(efficientnet: Any) -> Any:
    """Add the layer that Keras adds to an EfficientNet only if it downloads ImageNet weights.

    The weights need it also from a file, and a copy of a network needs the same layers.
    """
    scale = [deviation**-0.5 for deviation in _IMAGENET_DEVIATION]

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        x = layer(*args, **kwargs)
        last = isinstance(layer, keras.layers.Normalization)
        return keras.layers.Rescaling(scale)(x) if last else x

    return keras.models.clone_model(efficientnet, call_function=call)
