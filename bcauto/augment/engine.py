"""Applies a policy to one image, or to a batch in which each image has its own stream of chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.augment.augmix import augmix
from bcauto.augment.geometric import flip_horizontal, flip_vertical
from bcauto.augment.pixels import Image
from bcauto.augment.policies import Augment
from bcauto.augment.randaugment import randaugment
from bcauto.errors import BadInput

__all__ = ["augment_batch", "augment_image"]

_Stage: TypeAlias = Callable[[Image, np.random.Generator], Image]

_WORD = 2**64  # the streams' keys and counters are 64-bit words


def augment_image(image: Image, policy: Augment, rng: np.random.Generator) -> Image:
    """One image after ``policy``: flips, then RandAugment, then AugMix.

    Args:
        image: (h, w, 3) uint8 RGB; never written to.
        policy: what may happen.
        rng: decides what does happen.

    Returns:
        (h, w, 3) uint8; the very input, not a copy, if the policy is off.

    Raises:
        BadInput: the image is of another shape or dtype.

    """
    _check_pixels(image, 3)
    if policy.is_off:
        return image
    return _through(_stages(policy), np.ascontiguousarray(image), rng)


def augment_batch(
    images: NDArray[np.uint8],
    indices: NDArray[np.integer],
    epoch: int,
    seed: int,
    policy: Augment,
) -> NDArray[np.uint8]:
    """Every image after ``policy``, each drawing for itself from (seed, epoch, its index) alone.

    What a picture becomes does not depend on the batch it is in, on its place there, or on
    threads. OpenCV's own threads do not pay at these sizes: ``cv2.setNumThreads(1)`` in a worker.

    Args:
        images: (b, h, w, 3) uint8 RGB; never written to.
        indices: (b,) integers in [0, 2**64), each image's place in the data set.
        epoch: in [0, 2**64).
        seed: in [0, 2**64), such as one from ``bcauto.seeds.derive``.
        policy: what may happen.

    Returns:
        (b, h, w, 3) uint8; the very input, not a copy, if the policy is off.

    Raises:
        BadInput: a wrong shape or dtype, or a number out of its range.

    """
    _check_pixels(images, 4)
    _check_streams(len(images), indices, epoch, seed)
    if policy.is_off:
        return images
    stages = _stages(policy)
    result = np.empty_like(images, order="C")
    streams = _streams(seed, epoch, indices)
    for place, (image, rng) in enumerate(zip(images, streams, strict=True)):
        result[place] = _through(stages, np.ascontiguousarray(image), rng)
    return result


def _through(stages: list[_Stage], image: Image, rng: np.random.Generator) -> Image:
    for stage in stages:
        image = stage(image, rng)
    return image


def _stages(policy: Augment) -> list[_Stage]:
    """The policies that are on, in the order in which they are applied."""
    stages: list[_Stage] = []
    if policy.flip:
        stages.append(_flips)
    if (rand := policy.randaugment) is not None:
        stages.append(lambda image, rng: randaugment(image, rand, rng))
    if (mix := policy.augmix) is not None:
        stages.append(lambda image, rng: augmix(image, mix, rng))
    return stages


def _flips(image: Image, rng: np.random.Generator) -> Image:
    """The image mirrored in each direction with probability .5: a cell has no orientation."""
    if rng.random() < 0.5:
        image = flip_horizontal(image)
    return flip_vertical(image) if rng.random() < 0.5 else image


def _streams(seed: int, epoch: int, indices: NDArray[np.integer]) -> Iterator[np.random.Generator]:
    """One stream for each index: the same generator, set anew, good until the next is taken.

    Philox is counter-based (Salmon et al. 2011): with (seed, epoch) as its key and the index as
    the counter's highest word, no two streams meet within 2**192 blocks, and setting a stream is a
    tenth of the cost of making a generator.
    """
    bits = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64))
    start = bits.state
    rng = np.random.Generator(bits)
    for index in indices:
        start["state"]["counter"][3] = index
        bits.state = start
        yield rng


def _check_pixels(pixels: NDArray[np.uint8], dimensions: int) -> None:
    """Refuse what is not uint8 RGB in ``dimensions`` dimensions."""
    fits = pixels.ndim == dimensions and pixels.shape[-1] == 3 and 0 not in pixels.shape[-3:]
    if not fits or pixels.dtype != np.uint8:
        wanted = "(h, w, 3)" if dimensions == 3 else "(b, h, w, 3)"
        raise BadInput(f"images must be {wanted} uint8 RGB, got {pixels.shape} {pixels.dtype}")


def _check_streams(images: int, indices: NDArray[np.integer], epoch: int, seed: int) -> None:
    """Refuse numbers that name no stream, or not one for each image."""
    if indices.shape != (images,) or indices.dtype.kind not in "iu":
        raise BadInput(
            f"indices must be {images} integers, one an image, got {indices.shape} {indices.dtype}"
        )
    if indices.size and indices.min() < 0:
        raise BadInput(f"an index must be in [0, 2**64), got {indices.min()}")
    for name, value in (("epoch", epoch), ("seed", seed)):
        if not 0 <= value < _WORD:
            raise BadInput(f"the {name} must be in [0, 2**64), got {value}")
