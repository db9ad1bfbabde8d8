"""Applies policies to pictures: to one, or to a batch in which each has a random stream of its own.

``augment_batch`` applies the policies that change a picture by itself, ``sample_mixes`` says which
pictures are mixed, and an ``Augmenter`` does both, as training needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.augment.augmix import augmix
from bcauto.augment.basic import sample_basic
from bcauto.augment.mixes import Mix, sample_mix
from bcauto.augment.pixels import Fill, Image
from bcauto.augment.policies import Augment
from bcauto.augment.randaugment import sample_randaugment
from bcauto.augment.sequence import SampledOp, apply_in_sequence
from bcauto.augment.wide import sample_wide
from bcauto.errors import BadInput
from bcauto.seeds import derive

__all__ = ["Apply", "Augmenter", "augment_batch", "augment_image", "sample_mixes"]

Apply: TypeAlias = Callable[
    [NDArray[np.uint8], NDArray[np.integer], int, int, Augment], NDArray[np.uint8]
]
"""Applies the policies to (images, indices, epoch, seed, policy), as ``augment_batch`` does."""

_Stage: TypeAlias = Callable[[Image, np.random.Generator], Image]

_WORD = 2**64  # the streams' keys and counters are 64-bit words
_POLICIES, _MIXES = 0, 1  # what a stream is used for


def augment_image(image: Image, policy: Augment, rng: np.random.Generator) -> Image:
    """Apply basic, wide chain, RandAugment and AugMix to one image, in this order.

    Args:
        image: (h, w, 3) uint8 RGB; never written to.
        policy: what may happen.
        rng: decides what does happen.

    Returns:
        (h, w, 3) uint8; the input itself, not a copy, if nothing happens.

    Raises:
        BadInput: the image has another shape or dtype.

    """
    _check_pixels(image, 3)
    if not policy.alters:
        return image
    return _apply_stages(_stages(policy), np.ascontiguousarray(image), rng)


def augment_batch(
    images: NDArray[np.uint8],
    indices: NDArray[np.integer],
    epoch: int,
    seed: int,
    policy: Augment,
) -> NDArray[np.uint8]:
    """Apply ``policy`` to every image, each as (seed, epoch, its index) alone decides.

    What an image becomes does not depend on its batch, on its place there, or on threads. OpenCV's
    own threads do not pay at these sizes: call ``cv2.setNumThreads(1)`` in a worker. Images are not
    mixed; see ``sample_mixes``.

    Args:
        images: (b, h, w, 3) uint8 RGB; never written to.
        indices: (b,) integers in [0, 2**64), each image's place in the data set.
        epoch: in [0, 2**64).
        seed: in [0, 2**64), such as one from ``bcauto.seeds.derive``.
        policy: what may happen.

    Returns:
        (b, h, w, 3) uint8; the input itself, not a copy, if the policy is off.

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
        result[place] = _apply_stages(stages, np.ascontiguousarray(image), rng)
    return result


def sample_mixes(
    indices: NDArray[np.integer],
    images: int,
    size: tuple[int, int],
    epoch: int,
    seed: int,
    policy: Augment,
) -> list[Mix | None]:
    """Return the mix of each picture of a batch, as (seed, epoch, its index) alone decides.

    A picture's partner is any other one of the data set, inside the batch or not.

    Args:
        indices: (b,) integers in [0, images), each picture's place in the data set.
        images: how many pictures the data set has.
        size: their (height, width) in pixels.
        epoch: in [0, 2**64).
        seed: in [0, 2**64).
        policy: says how often MixUp and CutMix happen.

    Returns:
        b mixes, None where a picture is not mixed.

    Raises:
        BadInput: a number is out of its range.

    """
    _check_streams(len(indices), indices, epoch, seed)
    streams = _streams(seed, epoch, indices, _MIXES)
    return [
        sample_mix(policy, index, images, size, rng)
        for index, rng in zip(indices.tolist(), streams, strict=True)
    ]


@dataclass(frozen=True)
class Augmenter:
    """Augments and mixes the pictures of a training.

    Attributes:
        policy: what may happen to a picture.
        seed: the trial's; what happens depends on (seed, epoch, the picture's index) alone.
        apply: the engine that applies the policies; mixes are the same in each.

    """

    policy: Augment
    seed: int
    apply: Apply = augment_batch

    def augment_and_mix(
        self,
        images: NDArray[np.uint8],
        indices: NDArray[np.integer],
        epoch: int,
        sources: NDArray[np.integer] | None = None,
    ) -> tuple[NDArray[np.uint8], list[Mix | None]]:
        """Return a batch as training sees it, and the mix of each of its pictures.

        Pictures are augmented, then mixed. A partner looks as it does on its own in this epoch.

        Args:
            images: (n, h, w, 3) uint8 RGB, the whole data set; never written to.
            indices: (b,) integers in [0, m), the pictures of the batch.
            epoch: in [0, 2**64).
            sources: (m,) the image that each picture is made of, where several pictures are made
                of one image, each augmented by itself. By default each image makes one picture,
                and m is n.

        Returns:
            (b, h, w, 3) uint8, and b mixes, None where a picture is not mixed.

        Raises:
            BadInput: a number is out of its range.

        """
        seed = derive(self.seed, "augment")
        sources = np.arange(len(images)) if sources is None else sources
        pictures = self.apply(images[sources[indices]], indices, epoch, seed, self.policy)
        if not self.policy.mixes:
            return pictures, [None] * len(indices)
        mixes = sample_mixes(indices, len(sources), images.shape[1:3], epoch, seed, self.policy)
        mixed = [(place, mix) for place, mix in enumerate(mixes) if mix]
        partners = np.array([mix.partner for _, mix in mixed], dtype=np.int64)
        others = self.apply(images[sources[partners]], partners, epoch, seed, self.policy)
        for (place, mix), other in zip(mixed, others, strict=True):
            pictures[place] = mix(pictures[place], other)
        return pictures, mixes


def _stages(policy: Augment) -> list[_Stage]:
    """Return the policies that are on, in the order in which they are applied."""
    stages: list[_Stage] = []
    fill = policy.fill
    if (basic := policy.basic) is not None:
        stages.append(_sequence(basic.probability, lambda rng: sample_basic(basic, rng), fill))
    if (wide := policy.wide) is not None:
        ops = wide.scaled_ops
        stages.append(_sequence(wide.probability, lambda rng: sample_wide(ops, rng), fill))
    if (rand := policy.randaugment) is not None:
        stages.append(_sequence(rand.probability, lambda rng: sample_randaugment(rand, rng), fill))
    if (mix := policy.augmix) is not None:
        stages.append(_sometimes(mix.probability, lambda image, rng: augmix(image, mix, rng, fill)))
    return stages


def _sequence(
    probability: float, sample: Callable[[np.random.Generator], list[SampledOp]], fill: Fill
) -> _Stage:
    """Return a stage that samples a sequence of ops and applies it, with its probability."""
    return _sometimes(
        probability, lambda image, rng: apply_in_sequence(image, sample(rng), rng, fill)
    )


def _sometimes(probability: float, stage: _Stage) -> _Stage:
    return lambda image, rng: stage(image, rng) if rng.random() < probability else image


def _apply_stages(stages: list[_Stage], image: Image, rng: np.random.Generator) -> Image:
    for stage in stages:
        image = stage(image, rng)
    return image


def _streams(
    seed: int, epoch: int, indices: NDArray[np.integer], use: int
) -> Iterator[np.random.Generator]:
    """Yield one stream for each index: the same generator, set anew, valid until the next.

    Philox is counter-based (Salmon et al. 2011). With (seed, epoch) as its key, and the index and
    the use as the counter's highest words, no two streams meet within 2**128 blocks. Setting a
    stream takes a tenth of the time of making a generator.
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
    """Refuse numbers that cannot name a stream, or not one for each image."""
    if indices.shape != (images,) or indices.dtype.kind not in "iu":
        raise BadInput(
            f"indices must be {images} integers, one an image, got {indices.shape} {indices.dtype}"
        )
    if indices.size and indices.min() < 0:
        raise BadInput(f"an index must be in [0, 2**64), got {indices.min()}")
    for name, value in (("epoch", epoch), ("seed", seed)):
        if not 0 <= value < _WORD:
            raise BadInput(f"the {name} must be in [0, 2**64), got {value}")
