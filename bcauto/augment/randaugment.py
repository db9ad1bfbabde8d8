"""RandAugment (Cubuk et al. 2020) on keras-cv 0.9's ten ops, at its magnitudes.

How keras-cv samples, at magnitude m with standard deviation s: brightness, contrast and the
translations are uniform in -m to m; the shears are normal (m, s), clipped to 0-1, with a random
sign; colour degeneration is normal (m, s), clipped; solarize samples its addition and its threshold
independently, both normal; autocontrast and equalize have no strength. The paper's identity op is
the rate: 10/11 instead of 1. Equalize is Pillow's, as in the paper; keras-cv's has another step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bcauto.augment.ops import Op, op
from bcauto.augment.policies import RandAugment
from bcauto.augment.sequence import SampledOp

__all__ = ["sample_randaugment"]

_Strengths: TypeAlias = tuple[float, ...]
_Sampling: TypeAlias = Callable[[RandAugment, np.random.Generator], _Strengths]

_MOST_ADDITION = 110.0  # levels, as in keras-cv: with more, solarize would leave only noise


def sample_randaugment(policy: RandAugment, rng: np.random.Generator) -> list[SampledOp]:
    """Sample the ops for one image, in order."""
    sequence: list[SampledOp] = []
    for _ in range(policy.ops):
        if rng.random() < policy.rate:
            sampled, strengths = _OPS[int(rng.random() * len(_OPS))]
            sequence.append((sampled, strengths(policy, rng)))
    return sequence


def _none(_policy: RandAugment, _rng: np.random.Generator) -> _Strengths:
    return ()


def _uniform(policy: RandAugment, rng: np.random.Generator) -> _Strengths:
    return (policy.magnitude * (2.0 * rng.random() - 1.0),)


def _normal(policy: RandAugment, rng: np.random.Generator) -> _Strengths:
    return (_magnitude(policy, rng),)


def _signed_normal(policy: RandAugment, rng: np.random.Generator) -> _Strengths:
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return (sign * _magnitude(policy, rng),)


def _solarize(policy: RandAugment, rng: np.random.Generator) -> _Strengths:
    # its depth counts from 256 and keras-cv's threshold from 255, hence the 1
    return 1.0 + 255.0 * _magnitude(policy, rng), _MOST_ADDITION * _magnitude(policy, rng)


def _magnitude(policy: RandAugment, rng: np.random.Generator) -> float:
    """Sample a magnitude, normal around the policy's, clipped to 0-1."""
    sampled = policy.magnitude + policy.magnitude_stddev * rng.standard_normal()
    return min(max(sampled, 0.0), 1.0)


_OPS: tuple[tuple[Op, _Sampling], ...] = (
    (op("autocontrast"), _none),
    (op("equalize"), _none),
    (op("solarize"), _solarize),
    (op("degenerate_colour"), _normal),
    (op("contrast"), _uniform),
    (op("brightness"), _uniform),
    (op("shear_x"), _signed_normal),
    (op("shear_y"), _signed_normal),
    (op("translate_x"), _uniform),
    (op("translate_y"), _uniform),
)
