"""How near training's augmentation comes to a corruption, in the features of a network.

This is the minimal sample distance of Mintun, Kirillov and Xie (2021, arXiv 2102.11273). A
transform of images is encoded by the mean features of a fixed set of images after it. The distance
of a corruption is that of its encoding, a mean over the corruption's random values too, from the
nearest of many transforms that the augmentation samples. They found that a small distance goes with
a small error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bcauto.augment.engine import augment_image
from bcauto.augment.policies import Augment
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.proxy.primitives import Floats, Image
from bcauto.seeds import generator

__all__ = [
    "Distance",
    "Extract",
    "distances_by_family",
    "minimal_sample_distances",
    "training_distances",
]

Extract: TypeAlias = Callable[[npt.NDArray[np.uint8]], Floats]
"""Returns the features (n, d) of images (n, h, w, 3) uint8."""

_Change: TypeAlias = Callable[[Image, int], Image]
"""Changes an image; it is given the image's place, too."""


@dataclass(frozen=True)
class Distance:
    """Of a corruption, or the mean over those of a family; in units of the network's features.

    Attributes:
        training: from the nearest transform that training's augmentation sampled.
        clean: from the images as they are. Where ``training`` is hardly less, the augmentation
            brings training no nearer to the corruption.
    """

    training: float
    clean: float


def training_distances(
    extract: Extract,
    images: npt.NDArray[np.uint8],
    policy: Augment,
    corruptions: Sequence[CorruptionAtSeverity],
    samples: int,
) -> dict[CorruptionAtSeverity, Distance]:
    """Return the distance of each corruption from what an augmentation samples, and from none.

    A sampled transform has the same random values for all images. A corruption has others for each
    of them, so that its features are a mean over these, too. Mixes are left out: they are no
    transforms of one image. The same arguments give the same distances.

    Args:
        extract: gives the features of images.
        images: (n, h, w, 3) uint8 RGB to which nothing was done.
        policy: the augmentation.
        corruptions: each at a severity.
        samples: how many transforms the augmentation samples, one or more. More find nearer ones.
    """

    def features_after(change: _Change) -> Floats:
        changed = np.stack([change(image, place) for place, image in enumerate(images)])
        mean: Floats = extract(changed).mean(axis=0)
        return mean

    clean = features_after(lambda image, _: image)
    times = samples if policy.alters else 0
    sampled = [features_after(_augmented(policy, number)) for number in range(times)] or [clean]
    corrupted = np.stack([features_after(_corrupted(each)) for each in corruptions])
    training = minimal_sample_distances(np.stack(sampled), corrupted).tolist()
    without = minimal_sample_distances(clean[None], corrupted).tolist()
    found = map(Distance, training, without)
    return dict(zip(corruptions, found, strict=True))


def minimal_sample_distances(sampled: Floats, corrupted: Floats) -> npt.NDArray[np.float64]:
    """Return the distance of each corruption from the nearest sampled transform.

    Args:
        sampled: (a, d) mean features after each of ``a`` sampled transforms.
        corrupted: (c, d) mean features after each of ``c`` corruptions, of the same images.

    Returns:
        (c,) Euclidean distances.
    """
    rows = corrupted.astype(np.float64)
    return np.array([np.linalg.norm(sampled - row, axis=1).min() for row in rows])


def distances_by_family(
    distances: Mapping[CorruptionAtSeverity, Distance],
) -> dict[str, Distance]:
    """Return the mean distances over each family's corruptions."""
    families: dict[str, list[Distance]] = {}
    for corruption, distance in distances.items():
        families.setdefault(corruption.family, []).append(distance)
    return {
        family: Distance(fmean(each.training for each in of), fmean(each.clean for each in of))
        for family, of in families.items()
    }


def _augmented(policy: Augment, sample: int) -> _Change:
    return lambda image, _: augment_image(image, policy, generator(0, "transform", sample))


def _corrupted(corruption: CorruptionAtSeverity) -> _Change:
    name = corruption.name
    return lambda image, place: corruption.corrupt(image, generator(0, "distance", name, place))
