"""MixUp and CutMix: a picture and its label are mixed with another one of the data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from bcauto.augment.pixels import Image, span
from bcauto.augment.policies import Augment

__all__ = ["Mix", "sample_mix"]


@dataclass(frozen=True)
class Mix:
    """How a picture is mixed with another one.

    Attributes:
        partner: the other picture's index.
        share: the picture's own part of the result, and so of the label, in 0..1.
        box: the (rows, columns) that the other picture fills; None where the two are blended.

    """

    partner: int
    share: float
    box: tuple[slice, slice] | None = None

    def __call__(self, image: Image, other: Image) -> Image:
        """Mix two pictures, each (h, w, 3) uint8; neither is written to."""
        if self.box is None:
            return cast(Image, cv2.addWeighted(image, self.share, other, 1.0 - self.share, 0.0))
        result = image.copy()
        result[self.box] = other[self.box]
        return result


def sample_mix(
    policy: Augment,
    index: int,
    images: int,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Mix | None:
    """Sample the mix of one picture; None where it is not mixed.

    The partner is any other picture of the data set, each as likely.

    Args:
        policy: says how often MixUp happens and, where it does not, CutMix.
        index: the picture's place in the data set.
        images: how many pictures the data set has.
        size: their (height, width) in pixels.
        rng: decides.

    """
    if images < 2:
        return None
    partner = (index + 1 + int(rng.random() * (images - 1))) % images
    if (mixup := policy.mixup) is not None and rng.random() < mixup.probability:
        # a multiple of 1/255, so that uint8 holds the share as exactly as the label does
        share = round(255 * rng.beta(mixup.alpha, mixup.alpha)) / 255
        return Mix(partner, share) if share < 1 else None
    if (cutmix := policy.cutmix) is not None and rng.random() < cutmix.probability:
        return _cut(partner, rng.beta(cutmix.alpha, cutmix.alpha), size, rng)
    return None


def _cut(partner: int, share: float, size: tuple[int, int], rng: np.random.Generator) -> Mix | None:
    """Sample a box of the picture's shape at a random place; the share is the area outside it."""
    height, width = size
    side = (1.0 - share) ** 0.5
    rows, columns = span(height, side, rng), span(width, side, rng)
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return Mix(partner, 1.0 - area / (height * width), (rows, columns)) if area > 0 else None
