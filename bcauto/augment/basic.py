"""The basic policy: flips, one warp, contrast, brightness."""

from __future__ import annotations

import numpy as np

from bcauto.augment.ops import op
from bcauto.augment.policies import Basic
from bcauto.augment.sequence import SampledOp

__all__ = ["draw_basic"]

_FLIPS = (op("flip_horizontal"), op("flip_vertical"))
_UNIFORM = (
    (op("rotate"), "rotation"),
    (op("translate_x"), "translation"),
    (op("translate_y"), "translation"),
    (op("zoom"), "zoom"),
    (op("contrast"), "contrast"),
    (op("brightness"), "brightness"),
)


def draw_basic(policy: Basic, rng: np.random.Generator) -> list[SampledOp]:
    """The ops for one image, in order, each uniform up to the policy's number on both sides."""
    row: list[SampledOp] = []
    if policy.flip:
        row += [(flip, ()) for flip in _FLIPS if rng.random() < 0.5]
    for each, field in _UNIFORM:
        if most := getattr(policy, field):
            row.append((each, (most * (2.0 * rng.random() - 1.0),)))
    return row
