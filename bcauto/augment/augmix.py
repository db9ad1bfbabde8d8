"""AugMix (Hendrycks et al. 2020): chains of weak ops blended with the original.

Ops and strengths are the paper's code's, which keras-cv's severity also follows: at strength u,
uniform in .01 to the severity, a rotation is 30 u degrees, a shear .3 u, a translation u / 3 of
the side, solarize inverts the upper 256 u levels and posterize keeps 4 - 4 u bits. keras-cv 0.9
has it otherwise in four places, which are not copied: its solarize inverts all but the darkest
255 u levels and its posterize keeps 3 + 3 u bits, so both weaken as u grows; it rotates one way
only, and never translates in y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bcauto.augment.ops import Op, op
from bcauto.augment.pixels import Fill, Image, blend
from bcauto.augment.policies import AugMix
from bcauto.augment.sequence import SampledOp, apply_in_sequence

__all__ = ["augmix", "draw_chains"]

_Strengths: TypeAlias = tuple[float, ...]
_Scaling: TypeAlias = Callable[[float, float], _Strengths]

_LEAST = 0.01  # of the strength, in the paper's code and in keras-cv


def augmix(image: Image, policy: AugMix, rng: np.random.Generator, fill: Fill = "reflect") -> Image:
    """The image (h, w, 3) uint8 after ``policy``; blended in float32, then rounded."""
    original = rng.beta(policy.alpha, policy.alpha)
    weights = (1.0 - original) * rng.dirichlet([policy.alpha] * policy.chains)
    chains = [apply_in_sequence(image, row, rng, fill) for row in draw_chains(policy, rng)]
    return blend([image, *chains], [original, *weights.tolist()])


def draw_chains(policy: AugMix, rng: np.random.Generator) -> list[list[SampledOp]]:
    """The ops of every chain, in order."""
    numbers = rng.random((policy.chains, 1 + 3 * policy.max_depth)).tolist()
    return [_chain(policy, chain) for chain in numbers]


def _chain(policy: AugMix, numbers: list[float]) -> list[SampledOp]:
    """One chain, from so many numbers of 0 to 1 as the longest needs."""
    depth = policy.min_depth + int(numbers[0] * (policy.max_depth - policy.min_depth + 1))
    least = min(_LEAST, policy.severity)
    row: list[SampledOp] = []
    for place in range(1, 3 * depth, 3):
        which, how_much, side = numbers[place : place + 3]
        drawn, scaled = _MENU[int(which * len(_MENU))]
        strength = least + (policy.severity - least) * how_much
        row.append((drawn, scaled(strength, 1.0 if side < 0.5 else -1.0)))
    return row


def _none(_strength: float, _sign: float) -> _Strengths:
    return ()


def _posterize(strength: float, _sign: float) -> _Strengths:
    return (float(min(4 + int(4 * strength), 7)),)


def _solarize(strength: float, _sign: float) -> _Strengths:
    return (float(int(256 * strength)),)


def _signed(full: float) -> _Scaling:
    """The scaling of an op that has ``full`` at strength 1, in either direction."""
    return lambda strength, sign: (sign * full * strength,)


_MENU: tuple[tuple[Op, _Scaling], ...] = (
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
