"""The policies by keras-cv 0.9's layers: what ``augment.engine = "keras-cv"`` trains with.

Policies, order, probabilities and ranges are the recipe's; how a layer draws within its range, and
what it makes of it, is keras-cv's. So every warp resamples by itself. Nothing follows a seed:
``RandAugment``, ``AugMix`` and ``GridMask`` do not keep to the one that they take.
"""

from __future__ import annotations

import logging
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
from bcauto.augment.policies import Augment, AugMix, Basic, RandAugment, WideChain

__all__ = ["make_apply"]

_Layer: TypeAlias = Callable[[Any], Any]
"""Takes and returns one picture, (h, w, 3) float32, values 0-255."""

_VALUES = (0, 255)


def make_apply(policy: Augment, size: tuple[int, int]) -> Apply:
    """What applies ``policy`` to batches of any length, compiled here, once.

    It may be called from several threads. Two calls with the same arguments differ: it looks at
    the images only.

    Args:
        policy: what may happen; its mixes are not part of it.
        size: (height, width) of the images in pixels.
    """

    def augmented(images: Any) -> Any:
        # With the trial's seed all layers would draw the same: each has a graph that counts anew.
        tf.compat.v1.set_random_seed(None)
        with tf.device("CPU"):
            changed = tf.map_fn(_in_a_row(stages), tf.cast(images, tf.float32))
            return tf.cast(tf.round(tf.clip_by_value(changed, *_VALUES)), tf.uint8)

    def apply(images: NDArray[Any], *_: Any) -> NDArray[Any]:
        changed: NDArray[Any] = compiled(images).numpy()
        return changed

    with _float32(), _without_warnings(), tf.device("CPU"):
        stages = _stages(policy)
        # A function, not a model: some layers need AutoGraph, which Keras keeps out of models.
        signature = [tf.TensorSpec((None, *size, 3), tf.uint8)]
        compiled = tf.function(augmented, input_signature=signature).get_concrete_function()
    apply(np.zeros((1, *size, 3), np.uint8))  # or each thread would prepare it anew, for seconds
    return apply


def _stages(policy: Augment) -> list[_Layer]:
    """The policies that are on, in the order in which they are applied."""
    stages = []
    if (basic := policy.basic) is not None:
        stages.append(_sometimes(basic.probability, _in_a_row(_basic(basic))))
    if (wide := policy.wide) is not None:
        stages.append(_sometimes(wide.probability, _in_a_row(_wide(wide))))
    if (rand := policy.randaugment) is not None:
        stages.append(_sometimes(rand.probability, _randaugment(rand)))
    if (mix := policy.augmix) is not None:
        stages.append(_sometimes(mix.probability, _augmix(mix)))
    return stages


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
        _sometimes(probability, _OPS[op.name](magnitude))
        for op, probability, magnitude in policy.drawable
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


def _in_a_row(chain: Sequence[_Layer]) -> _Layer:
    return lambda image: reduce(lambda done, layer: layer(done), chain, image)


def _sometimes(probability: float, layer: _Layer) -> _Layer:
    """The layer with that probability; ``RandomApply`` does the same but cannot hold another."""
    if probability >= 1:
        return layer
    return lambda image: tf.cond(
        tf.random.uniform(()) < probability, lambda: layer(image), lambda: image
    )


def _uniform(low: float, high: float) -> Any:
    """A draw that no layer checks, for bounds that would do but are refused."""
    return core.UniformFactorSampler(low, high)


def _in_0_to_1(layer: _Layer) -> _Layer:
    """A layer that has no ``value_range`` and takes values of 0 to 1."""
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
    # above 255, or white would turn black at strength 0
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
        layers.RandomJpegQuality(_uniform(round(100 - 50 * most), 101))  # drawn below 101
    ),
    "cutout": lambda most: layers.RandomCutout(most, most),
    "grid_mask": lambda most: layers.GridMask(most),
}
"""The layer of each op, by the magnitude that its factor is drawn up to; without those that a
recipe for keras-cv is refused."""


@contextmanager
def _float32() -> Iterator[None]:
    """Makes layers in float32 whatever a model trains in: in float16, 255 levels are not exact."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keeps TensorFlow from saying which ops it vectorizes no better than by a loop."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
