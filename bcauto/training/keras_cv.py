"""Augmentation by the layers of keras-cv 0.9, for ``augment.engine = "keras-cv"``.

Policies, order, probabilities and ranges are the recipe's. How a layer samples within its range,
and what it does to the picture, is keras-cv's; so each geometric layer interpolates anew. Nothing
follows a seed, since ``RandAugment``, ``AugMix`` and ``GridMask`` ignore theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras_cv import core, layers
from numpy.typing import NDArray

from bcauto.augment.engine import Apply
from bcauto.augment.policies import Augment, AugMix, Basic, RandAugment
from bcauto.augment.wide import WideChain
from bcauto.io.quiet import without_warnings

__all__ = ["make_apply"]

_Layer: TypeAlias = Callable[[Any], Any]
"""Maps a picture to a picture, both (h, w, 3) float32, values 0-255."""

_VALUES = (0, 255)


def make_apply(policy: Augment, size: tuple[int, int]) -> Apply:
    """Return a function that applies a policy to batches of any length, compiled already.

    It may be called from several threads. It uses only the images, so that two calls with the same
    arguments give different pictures.

    Args:
        policy: basic, wide, RandAugment and AugMix are applied; its mixes are not.
        size: (height, width) of the images in px.
    """

    def augment(images: Any) -> Any:
        # Each layer has a graph of its own: with the trial's seed they would all sample the same.
        tf.compat.v1.set_random_seed(None)
        with tf.device("CPU"):
            changed = tf.map_fn(_chain(chosen), tf.cast(images, tf.float32))
            return tf.cast(tf.round(tf.clip_by_value(changed, *_VALUES)), tf.uint8)

    def apply(images: NDArray[Any], *_: Any) -> NDArray[Any]:
        changed: NDArray[Any] = compiled(images).numpy()
        return changed

    # TensorFlow warns of ops that it runs in a loop.
    with _in_float32(), without_warnings("tensorflow"), tf.device("CPU"):
        chosen = _policy_layers(policy)
        # A function rather than a model: some layers need AutoGraph, which models do not run.
        signature = [tf.TensorSpec((None, *size, 3), tf.uint8)]
        compiled = tf.function(augment, input_signature=signature).get_concrete_function()
    apply(np.zeros((1, *size, 3), np.uint8))  # else the first call of each thread takes seconds
    return apply


def _policy_layers(policy: Augment) -> list[_Layer]:
    """Return a layer for each policy that is on, in the order in which they are applied."""
    layers_in_order = []
    if (basic := policy.basic) is not None:
        layers_in_order.append(_with_probability(basic.probability, _chain(_basic(basic))))
    if (wide := policy.wide) is not None:
        layers_in_order.append(_with_probability(wide.probability, _chain(_wide(wide))))
    if (rand := policy.randaugment) is not None:
        layers_in_order.append(_with_probability(rand.probability, _randaugment(rand)))
    if (mix := policy.augmix) is not None:
        layers_in_order.append(_with_probability(mix.probability, _augmix(mix)))
    return layers_in_order


def _basic(policy: Basic) -> list[_Layer]:
    shift = policy.translation
    flips = [layers.RandomFlip("horizontal"), layers.RandomFlip("vertical")] if policy.flip else []
    return [
        *flips,
        layers.RandomRotation(policy.rotation / 360),
        layers.RandomTranslation(shift, shift),
        layers.RandomZoom(policy.zoom),
        layers.RandomContrast(_VALUES, policy.contrast),
        layers.RandomBrightness(policy.brightness),
    ]


def _wide(policy: WideChain) -> list[_Layer]:
    return [
        _with_probability(probability, _OPS[op.name](magnitude))
        for op, probability, magnitude in policy.scaled_ops
    ]


def _randaugment(policy: RandAugment) -> _Layer:
    layer: _Layer = layers.RandAugment(
        _VALUES,
        augmentations_per_image=policy.ops,
        magnitude=policy.magnitude,
        magnitude_stddev=policy.magnitude_stddev,
        rate=policy.rate,
    )
    return layer


def _augmix(policy: AugMix) -> _Layer:
    layer: _Layer = layers.AugMix(
        _VALUES,
        severity=_uniform(min(0.01, policy.severity), policy.severity),
        num_chains=policy.chains,
        chain_depth=[policy.min_depth, policy.max_depth],
        alpha=policy.alpha,
    )
    return layer


def _chain(layers_in_order: Sequence[_Layer]) -> _Layer:
    return lambda image: reduce(lambda changed, layer: layer(changed), layers_in_order, image)


def _with_probability(probability: float, layer: _Layer) -> _Layer:
    """Apply a layer with that probability; keras-cv's ``RandomApply`` cannot be nested."""
    if probability >= 1:
        return layer
    return lambda image: tf.cond(
        tf.random.uniform(()) < probability, lambda: layer(image), lambda: image
    )


def _uniform(low: float, high: float) -> Any:
    """Sample uniformly; a layer does not check these bounds, and refuses some that are legal."""
    return core.UniformFactorSampler(low, high)


def _in_0_to_1(layer: _Layer) -> _Layer:
    """Adapt a layer that takes values of 0 to 1 and has no ``value_range``."""
    return lambda image: layer(image / 255) * 255


_OPS: dict[str, Callable[[float], _Layer]] = {
    "translate_x": lambda most: layers.RandomTranslation(0, most),
    "translate_y": lambda most: layers.RandomTranslation(most, 0),
    "shear_x": lambda most: layers.RandomShear(x_factor=most),
    "shear_y": lambda most: layers.RandomShear(y_factor=most),
    "rotate": lambda most: layers.RandomRotation(most),
    "zoom": lambda most: layers.RandomZoom(most),
    "flip_horizontal": lambda _: layers.RandomFlip("horizontal", rate=1),
    "flip_vertical": lambda _: layers.RandomFlip("vertical", rate=1),
    "brightness": lambda most: layers.RandomBrightness(most),
    "contrast": lambda most: layers.RandomContrast(_VALUES, most),
    # up to 256, or white would turn black at strength 0
    "solarize": lambda most: layers.Solarization(
        _VALUES, threshold_factor=_uniform(256 - 255 * most, 256)
    ),
    "equalize": lambda _: layers.Equalization(_VALUES),
    "autocontrast": lambda _: layers.AutoContrast(_VALUES),
    "saturation": lambda most: layers.RandomSaturation((0.5 - most / 2, 0.5 + most / 2)),
    "hue": lambda most: layers.RandomHue(most, _VALUES),
    "channel_shift": lambda most: layers.RandomChannelShift(_VALUES, most),
    "channel_shuffle": lambda _: layers.ChannelShuffle(),
    "degenerate_colour": lambda most: layers.RandomColorDegeneration(most),
    "sharpness": lambda most: layers.RandomSharpness(_uniform(-most, most), _VALUES),
    "jpeg": lambda most: _in_0_to_1(
        layers.RandomJpegQuality(_uniform(round(100 - 50 * most), 101))  # 101 is never sampled
    ),
    "cutout": lambda most: layers.RandomCutout(most, most),
    "grid_mask": lambda most: layers.GridMask(most),
}
"""For each op a function of its magnitude that makes its layer; the ops that are missing are
refused in a recipe for keras-cv."""


@contextmanager
def _in_float32() -> Iterator[None]:
    """Make layers in float32 whatever models train in: float16 would round the pictures."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
