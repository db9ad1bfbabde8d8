"""Online augmentation: ops on one uint8 RGB image, policies made of them, a batch at a time."""

from __future__ import annotations

from bcauto.augment.engine import Apply, augment_and_mix, augment_batch, augment_image, draw_mixes
from bcauto.augment.mixes import Mix
from bcauto.augment.ops import OPS, Op, op
from bcauto.augment.policies import (
    Augment,
    AugMix,
    Basic,
    CutMix,
    MixUp,
    RandAugment,
    WideChain,
    WideOp,
)

__all__ = [
    "OPS",
    "Apply",
    "AugMix",
    "Augment",
    "Basic",
    "CutMix",
    "Mix",
    "MixUp",
    "Op",
    "RandAugment",
    "WideChain",
    "WideOp",
    "augment_and_mix",
    "augment_batch",
    "augment_image",
    "draw_mixes",
    "op",
]
