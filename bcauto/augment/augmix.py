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
from numpy.typing import NDArray

from bcauto.augment.ops import Op, op
from bcauto.augment.pixels import Image
from bcauto.augment.policies import AugMix

__all__ = ["augmix", "draw_chain"]

_Strengths: TypeAlias = tuple[float, ...]
_Scaling: TypeAlias = Callable[[float, float], _Strengths]

_LEAST = 0.01  # of the strength, in the paper's code and in keras-cv


def augmix(image: Image, policy: AugMix, rng: np.random.Generator) -> Image:
    """The image (h, w, 3) uint8 after ``policy``; blended in float32, then rounded."""
    original = rng.beta(policy.alpha, policy.alpha)
    weights = (1.0 - original) * rng.dirichlet([policy.alpha] * policy.chains)
    blend: NDArray[np.float32] = image * np.float32(original)
    for weight in weights:
        blend += _chain(image, policy, rng) * np.float32(weight)
    return np.rint(blend).astype(np.uint8)


def draw_chain(policy: AugMix, rng: np.random.Generator) -> list[tuple[Op, tuple[float, ...]]]:
    """The ops of one chain, in order, each with what follows the image in its arguments."""
    depths = policy.max_depth - policy.min_depth + 1
    depth = policy.min_depth + int(rng.random() * depths)
    return [_draw_op(policy.severity, rng) for _ in range(depth)]


def _chain(image: Image, policy: AugMix, rng: np.random.Generator) -> Image:
    """The image after one chain."""
    for drawn, strengths in draw_chain(policy, rng):
        image = drawn.function(image, *strengths)
    return image


def _draw_op(severity: float, rng: np.random.Generator) -> tuple[Op, _Strengths]:
    """One op, each of the nine as likely, at a strength and with a sign of its own."""
    drawn, scaled = _MENU[int(rng.random() * len(_MENU))]
    least = min(_LEAST, severity)
    strength = least + (severity - least) * rng.random()
    return drawn, scaled(strength, 1.0 if rng.random() < 0.5 else -1.0)


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
