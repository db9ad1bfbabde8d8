"""Online augmentation: ops on one uint8 RGB image, policies made of them, a batch at a time."""

from __future__ import annotations

from bcauto.augment.engine import augment_batch, augment_image
from bcauto.augment.ops import OPS, Op, op
from bcauto.augment.policies import Augment, AugMix, RandAugment

__all__ = [
    "OPS",
    "AugMix",
    "Augment",
    "Op",
    "RandAugment",
    "augment_batch",
    "augment_image",
    "op",
]
