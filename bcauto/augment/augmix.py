"""AugMix (Hendrycks et al. 2020): chains of weak ops blended with the original.

Ops and strengths are those of the paper's code, whose severity keras-cv also uses: at strength u,
uniform from .01 to the severity, a rotation is 30 u degrees, a shear .3 u, a translation u / 3 of
the side, solarize inverts the upper 256 u levels and posterize keeps 4 - 4 u bits. keras-cv 0.9
differs in four places, which are not copied: its solarize inverts all but the darkest 255 u levels
and its posterize keeps 3 + 3 u bits, so both weaken as u grows; it rotates one way only, and never
translates in y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bcauto.augment.ops import Op, op
from bcauto.augment.pixels import Fill, Image, blend
from bcauto.augment.policies import AugMix
from bcauto.augment.sequence import SampledOp, apply_in_sequence

__all__ = ["augmix", "sample_chains"]

_Strengths: TypeAlias = tuple[float, ...]
_Scaling: TypeAlias = Callable[[float, float], _Strengths]

_LEAST_STRENGTH = 0.01  # in the paper's code and in keras-cv


def augmix(image: Image, policy: AugMix, rng: np.random.Generator, fill: Fill = "reflect") -> Image:
    """Blend an image with what the policy's chains make of it, in float32, then round.

    Args:
        image: (h, w, 3) uint8; never written to.
        policy: the number, the depth and the strength of the chains, and the weights.
        rng: decides on ops, strengths and weights.
        fill: what a warp brings in over the edge.

    Returns:
        (h, w, 3) uint8.

    """
    original = rng.beta(policy.alpha, policy.alpha)
    weights = (1.0 - original) * rng.dirichlet([policy.alpha] * policy.chains)
    chains = [apply_in_sequence(image, chain, rng, fill) for chain in sample_chains(policy, rng)]
    return blend([image, *chains], [original, *weights.tolist()])


def sample_chains(policy: AugMix, rng: np.random.Generator) -> list[list[SampledOp]]:
    """Sample the ops of every chain, in order."""
    numbers = rng.random((policy.chains, 1 + 3 * policy.max_depth)).tolist()
    return [_chain(policy, chain) for chain in numbers]


def _chain(policy: AugMix, numbers: list[float]) -> list[SampledOp]:
    """Return one chain, made from uniform numbers of 0 to 1: one for its depth, three an op."""
    depth = policy.min_depth + int(numbers[0] * (policy.max_depth - policy.min_depth + 1))
    least = min(_LEAST_STRENGTH, policy.severity)
    chain: list[SampledOp] = []
    for place in range(1, 3 * depth, 3):
        which, how_much, side = numbers[place : place + 3]
        sampled, scaled = _OPS[int(which * len(_OPS))]
        strength = least + (policy.severity - least) * how_much
        chain.append((sampled, scaled(strength, 1.0 if side < 0.5 else -1.0)))
    return chain


def _none(_strength: float, _sign: float) -> _Strengths:
    return ()


def _posterize(strength: float, _sign: float) -> _Strengths:
    return (float(min(4 + int(4 * strength), 7)),)


def _solarize(strength: float, _sign: float) -> _Strengths:
    return (float(int(256 * strength)),)


def _signed(full: float) -> _Scaling:
    """Return the scaling of an op that reaches ``full`` at strength 1, in either direction."""
    return lambda strength, sign: (sign * full * strength,)


_OPS: tuple[tuple[Op, _Scaling], ...] = (
    (op("autocontrast"), _none),
    (op("equalize"), _none),
    (op("posterize"), _posterize),
    (op("solarize"), _solarize),
    (op("rotate"), _signed(30.0)),
    (op("shear_x"), _signed(0.3)),
    (op("shear_y"), _signed(0.3)),
    (op("translate_x"), _signed(1 / 3)),
    (op("translate_y"), _signed(1 / 3)),
)
