"""The wide chain: many op families, each with a low probability of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bcauto.augment.ops import Op
from bcauto.augment.sequence import SampledOp

__all__ = ["sample_wide"]


def sample_wide(
    ops: Sequence[tuple[Op, float, float]], rng: np.random.Generator
) -> list[SampledOp]:
    """Sample the ops for one image, in the order of ``ops``.

    A strength is uniform up to the magnitude, as in keras-cv's layers, and on both sides of zero
    where the op has two.

    Args:
        ops: ops with probability and magnitude, as ``WideChain.scaled_ops`` returns them.
        rng: decides which happen, and how strong.

    """
    return [
        (op, _strengths(op, magnitude, rng))
        for op, probability, magnitude in ops
        if rng.random() < probability
    ]


def _strengths(op: Op, magnitude: float, rng: np.random.Generator) -> tuple[float, ...]:
    if not op.has_strength:
        return ()
    low = -magnitude if op.low < 0 else 0.0
    return (op.strength(low + (magnitude - low) * rng.random()),)
