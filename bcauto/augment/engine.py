"""Applies a policy to one image, or to a batch in which each image has its own stream of chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.augment.augmix import augmix
from bcauto.augment.basic import draw_basic
from bcauto.augment.mixes import Mix, sample_mix
from bcauto.augment.pixels import Fill, Image
from bcauto.augment.policies import Augment
from bcauto.augment.randaugment import draw_randaugment
from bcauto.augment.sequence import SampledOp, apply_in_sequence
from bcauto.augment.wide import draw_wide
from bcauto.errors import BadInput

__all__ = ["Apply", "augment_and_mix", "augment_batch", "augment_image", "sample_mixes"]

Apply: TypeAlias = Callable[
    [NDArray[np.uint8], NDArray[np.integer], int, int, Augment], NDArray[np.uint8]
]
"""Applies the policies to (images, indices, epoch, seed, policy), as ``augment_batch`` does."""

_Stage: TypeAlias = Callable[[Image, np.random.Generator], Image]

_WORD = 2**64  # the streams' keys and counters are 64-bit words
_POLICIES, _MIXES = 0, 1  # what a stream is for


def augment_image(image: Image, policy: Augment, rng: np.random.Generator) -> Image:
    """One image after ``policy``'s basic, wide chain, RandAugment and AugMix, in this order.

    Args:
        image: (h, w, 3) uint8 RGB; never written to.
        policy: what may happen.
        rng: decides what does happen.

    Returns:
        (h, w, 3) uint8; the very input, not a copy, if nothing happens.

    Raises:
        BadInput: the image is of another shape or dtype.

    """
    _check_pixels(image, 3)
    if not policy.alters:
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
    Mixes are not part of it: see ``sample_mixes``.

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
    if not policy.alters:
        return images
    stages = _stages(policy)
    result = np.empty_like(images, order="C")
    streams = _streams(seed, epoch, indices, _POLICIES)
    for place, (image, rng) in enumerate(zip(images, streams, strict=True)):
        result[place] = _through(stages, np.ascontiguousarray(image), rng)
    return result


def augment_and_mix(
    images: NDArray[np.uint8],
    indices: NDArray[np.integer],
    epoch: int,
    seed: int,
    policy: Augment,
    apply: Apply = augment_batch,
    sources: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.uint8], list[Mix | None]]:
    """A batch as training sees it: after the policies, then mixed, with the mix of each picture.

    A partner looks as it does on its own in this epoch.

    Args:
        images: (n, h, w, 3) uint8 RGB, the whole data set; never written to.
        indices: (b,) integers in [0, m), the pictures of the batch.
        epoch: in [0, 2**64).
        seed: in [0, 2**64).
        policy: what may happen.
        apply: applies the policies.
        sources: (m,) the image that each picture is made of, where several are made of one; each
            of them draws for itself. By default every image makes one, and m is n.

    Returns:
        (b, h, w, 3) uint8, and b mixes, None where a picture stays alone.

    Raises:
        BadInput: a number is out of its range.

    """
    sources = np.arange(len(images)) if sources is None else sources
    pictures = apply(images[sources[indices]], indices, epoch, seed, policy)
    if not policy.mixes:
        return pictures, [None] * len(indices)
    mixes = sample_mixes(indices, len(sources), images.shape[1:3], epoch, seed, policy)
    mixed = [(place, mix) for place, mix in enumerate(mixes) if mix]
    partners = np.array([mix.partner for _, mix in mixed], dtype=np.int64)
    others = apply(images[sources[partners]], partners, epoch, seed, policy)
    for (place, mix), other in zip(mixed, others, strict=True):
        pictures[place] = mix(pictures[place], other)
    return pictures, mixes


def sample_mixes(
    indices: NDArray[np.integer],
    images: int,
    size: tuple[int, int],
    epoch: int,
    seed: int,
    policy: Augment,
) -> list[Mix | None]:
    """The mix of each picture of a batch, or None, from (seed, epoch, its index) alone.

    So a partner is any other picture of the data set, whether the batch holds it or not.

    Args:
        indices: (b,) integers in [0, images), each picture's place in the data set.
        images: how many pictures the data set has.
        size: their (height, width) in pixels.
        epoch: in [0, 2**64).
        seed: in [0, 2**64).
        policy: MixUp and CutMix.

    Raises:
        BadInput: a number is out of its range.

    """
    _check_streams(len(indices), indices, epoch, seed)
    streams = _streams(seed, epoch, indices, _MIXES)
    return [
        sample_mix(policy, index, images, size, rng)
        for index, rng in zip(indices.tolist(), streams, strict=True)
    ]


def _through(stages: list[_Stage], image: Image, rng: np.random.Generator) -> Image:
    for stage in stages:
        image = stage(image, rng)
    return image


def _stages(policy: Augment) -> list[_Stage]:
    """The policies that are on, in the order in which they are applied."""
    stages: list[_Stage] = []
    if (basic := policy.basic) is not None:
        stages.append(_row(basic.probability, lambda rng: draw_basic(basic, rng), policy.fill))
    if (wide := policy.wide) is not None:
        menu = wide.drawable
        stages.append(_row(wide.probability, lambda rng: draw_wide(menu, rng), policy.fill))
    if (rand := policy.randaugment) is not None:
        stages.append(_row(rand.probability, lambda rng: draw_randaugment(rand, rng), policy.fill))
    if (mix := policy.augmix) is not None:
        stages.append(
            _sometimes(mix.probability, lambda image, rng: augmix(image, mix, rng, policy.fill))
        )
    return stages


def _row(
    probability: float, draw: Callable[[np.random.Generator], list[SampledOp]], fill: Fill
) -> _Stage:
    """A policy that applies a row of ops, with its probability."""
    return _sometimes(
        probability, lambda image, rng: apply_in_sequence(image, draw(rng), rng, fill)
    )


def _sometimes(probability: float, stage: _Stage) -> _Stage:
    return lambda image, rng: stage(image, rng) if rng.random() < probability else image


def _streams(
    seed: int, epoch: int, indices: NDArray[np.integer], use: int
) -> Iterator[np.random.Generator]:
    """One stream for each index: the same generator, set anew, good until the next is taken.

    Philox is counter-based (Salmon et al. 2011): with (seed, epoch) as its key, and the index and
    the use as the counter's highest words, no two streams meet within 2**128 blocks, and setting a
    stream is a tenth of the cost of making a generator.
    """
    bits = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64))
    start = bits.state
    start["state"]["counter"][2] = use
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
