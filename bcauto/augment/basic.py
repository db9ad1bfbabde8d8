"""The basic policy: flips, one warp, contrast, brightness."""

from __future__ import annotations

import numpy as np

from bcauto.augment.ops import op
from bcauto.augment.policies import Basic
from bcauto.augment.sequence import SampledOp

__all__ = ["sample_basic"]

_FLIPS = (op("flip_horizontal"), op("flip_vertical"))
_FIELDS = (
    (op("rotate"), "rotation"),
    (op("translate_x"), "translation"),
    (op("translate_y"), "translation"),
    (op("zoom"), "zoom"),
    (op("contrast"), "contrast"),
    (op("brightness"), "brightness"),
)


def sample_basic(policy: Basic, rng: np.random.Generator) -> list[SampledOp]:
    """Sample the ops for one image, in order.

    Each strength is uniform between minus and plus the policy's field for it.
    """
    sequence: list[SampledOp] = []
    if policy.flip:
        sequence += [(flip, ()) for flip in _FLIPS if rng.random() < 0.5]
    for each, field in _FIELDS:
        if most := getattr(policy, field):
            sequence.append((each, (most * (2.0 * rng.random() - 1.0),)))
    return sequence
