"""The wide chain: many op families, each at a low probability of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bcauto.augment.ops import Op
from bcauto.augment.sequence import SampledOp

__all__ = ["draw_wide"]


def draw_wide(menu: Sequence[tuple[Op, float, float]], rng: np.random.Generator) -> list[SampledOp]:
    """The ops for one image, in the order of ``menu``, which is ``WideChain.drawable``.

    A strength is uniform up to the magnitude, as keras-cv's layers draw it, and on either side
    where the op has two.
    """
    return [
        (op, _strengths(op, magnitude, rng))
        for op, probability, magnitude in menu
        if rng.random() < probability
    ]


def _strengths(op: Op, magnitude: float, rng: np.random.Generator) -> tuple[float, ...]:
    if not op.has_strength:
        return ()
    low = -magnitude if op.low < 0 else 0.0
    return (op.strength(low + (magnitude - low) * rng.random()),)
