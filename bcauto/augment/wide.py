"""The wide chain: many families of ops, each with a low probability of its own.

The ops are in five groups, each of which has two factors of its own, so that a search turns a whole
group up or down in one dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from bcauto.augment.ops import OPS, Op
from bcauto.augment.sequence import SampledOp
from bcauto.errors import did_you_mean
from bcauto.io.toml import Frozen

__all__ = ["Magnitude", "Probability", "WideChain", "WideGroup", "WideOp", "sample_wide"]

Probability = Annotated[float, Field(ge=0, le=1)]
Magnitude = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0, le=10)]


class WideOp(Frozen):
    """How often an op of the wide chain happens, and how strong it is."""

    probability: Probability
    magnitude: Magnitude | None = Field(
        None,
        description="largest strength on keras-cv's scale, sampled uniformly, in both directions "
        "where the op has two; not for an op without a strength, such as equalize",
    )


class WideGroup(Frozen):
    """How often the ops of a group happen, and how strong they are: factors on the chain's own."""

    rate: Factor = Field(1.0, description="factor of the probabilities of the group's ops, up to 1")
    strength: Factor = Field(1.0, description="factor of their magnitudes, up to 1")


def _wide(probability: float, magnitude: float | None = None) -> WideOp:
    return WideOp(probability=probability, magnitude=magnitude)


_BEST_PUBLIC: Mapping[str, WideOp] = MappingProxyType(
    {
        "translate_x": _wide(0.3, 0.35),
        "translate_y": _wide(0.3, 0.35),
        "shear_x": _wide(0.2, 0.2),
        "shear_y": _wide(0.2, 0.2),
        "rotate": _wide(0.4, 0.5),
        "zoom": _wide(0.2, 0.2),
        "brightness": _wide(0.2, 0.3),
        "contrast": _wide(0.2, 0.3),
        "solarize": _wide(0.1, 0.3),
        "saturation": _wide(0.2, 0.3),
        "channel_shift": _wide(0.2, 0.3),
        "degenerate_colour": _wide(0.2, 0.5),
        "cutout": _wide(0.3, 0.2),
        "grid_mask": _wide(0.1, 0.3),
    }
)

_OF_GROUPS: Mapping[str, WideOp] = MappingProxyType(
    {
        "posterize": _wide(0.1, 0.5),  # up to 3 of 8 bits
        "equalize": _wide(0.05),
        "autocontrast": _wide(0.05),
        "hue": _wide(0.15, 0.15),  # up to 27 degrees
        "sharpness": _wide(0.15, 0.6),
        "gaussian_blur": _wide(0.15, 1.0),  # up to a pixel
        "gaussian_noise": _wide(0.2, 0.1),  # up to a tenth of the range
        "jpeg": _wide(0.15, 1.0),  # down to quality 50
    }
)
"""What the table of a group adds. It is not in every chain, since a table of ``wide`` without them
is what recipes and studies have stored."""


def _default_ops(fields_above: dict[str, Any]) -> dict[str, WideOp]:
    """Return the ops of the best public system, and those that the groups' tables add."""
    added = {n: op for n, op in _OF_GROUPS.items() if fields_above.get(OPS[n].group) is not None}
    usual = {**_BEST_PUBLIC, **added}
    return {name: usual[name] for name in OPS if name in usual}


_Group = Annotated[
    WideGroup | None,
    # left out where it is absent, so that fingerprints of recipes without it stay as stored
    Field(exclude_if=lambda group: group is None),
]


class WideChain(Frozen):
    """Many op families, each with its own low probability, as in the best public system.

    Ops happen in the order of ``OPS``, so that the geometric ones make one warp. That system's
    flips and RandAugment are the policies of those names. It is known for its op families, their
    probabilities of .1 to .4, translation by 30-40 % and cutout of .2; the other numbers of the
    default are assumed.

    A group's table, even an empty one, adds to the default's ops those of its group which that
    system lacks: noise, JPEG, blur and sharpness to detail, hue to colour, and posterize, equalize
    and autocontrast to tone.
    """

    probability: Probability = Field(1.0, description="that the chain acts on a picture")
    rate: Factor = Field(1.0, description="factor of every op's probability, up to 1")
    strength: Factor = Field(1.0, description="factor of every magnitude, up to 1")
    geometry: _Group = Field(None, description="moves, turns, shears and zooms; absent: as it is")
    tone: _Group = Field(None, description="brightness and contrast; absent: as it is")
    colour: _Group = Field(None, description="saturation, hue, channels; absent: as it is")
    detail: _Group = Field(None, description="sharpness, blur, noise, JPEG; absent: as it is")
    occlusion: _Group = Field(None, description="what hides parts; absent: as it is")
    ops: dict[str, WideOp] = Field(
        default_factory=_default_ops,
        description="by name, instead of the default's",
    )

    @field_validator("ops")
    @classmethod
    def _ops_are_known(cls, ops: dict[str, WideOp]) -> dict[str, WideOp]:
        for name, settings in ops.items():
            if name not in OPS:
                raise ValueError(f"unknown op {name!r}; {did_you_mean(name, OPS)}")
            if OPS[name].has_strength and settings.magnitude is None:
                raise ValueError(f"{name} needs a magnitude of 0 to 1")
            if not OPS[name].has_strength and settings.magnitude is not None:
                raise ValueError(
                    f"{name} has no strength, so it takes a probability only, "
                    f"got magnitude {settings.magnitude}"
                )
        return {name: ops[name] for name in OPS if name in ops}

    def __hash__(self) -> int:
        values = (tuple(self.ops.items()) if name == "ops" else value for name, value in self)
        return hash(tuple(values))

    @property
    def scaled_ops(self) -> list[tuple[Op, float, float]]:
        """The ops, each with its probability and magnitude, in 0..1, after all factors."""
        return [self._scaled(OPS[name], settings) for name, settings in self.ops.items()]

    def _scaled(self, op: Op, settings: WideOp) -> tuple[Op, float, float]:
        group: WideGroup = getattr(self, op.group) or WideGroup()
        probability = self.rate * group.rate * settings.probability
        magnitude = self.strength * group.strength * (settings.magnitude or 0.0)
        return op, min(probability, 1.0), min(magnitude, 1.0)


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
