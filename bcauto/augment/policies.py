"""The augmentation of a recipe: frozen tables of plain numbers that check themselves.

In TOML each policy is a table of ``augment``; a table that is absent is a policy that is off::

    [augment]
    fill = "reflect"

    [augment.basic]
    flip = true

    [augment.randaugment]
    magnitude = 0.5

Magnitudes are on keras-cv's 0-1 scale, which each op converts to its own unit (``Op.strength``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bcauto.augment.ops import OPS
from bcauto.augment.pixels import Fill
from bcauto.augment.wide import Magnitude, Probability, WideChain
from bcauto.io.toml import Frozen

__all__ = [
    "AugMix",
    "Augment",
    "Basic",
    "CutMix",
    "MixUp",
    "RandAugment",
]

Alpha = Annotated[float, Field(gt=0, le=100)]


class Basic(Frozen):
    """The usual changes: flips, one warp, contrast, brightness, in this order.

    Rotation, translation and zoom make one warp, which resamples once. Every number is the largest
    strength in either direction; strengths are uniform, and zero is off. Units are the ops' own.
    """

    probability: Probability = Field(1.0, description="that the policy acts on a picture")
    flip: bool = Field(
        False,
        description="mirror left-right and top-bottom, each with probability .5, independently",
    )
    rotation: float = Field(0.0, ge=0, le=180, description="degrees, either way")
    translation: float = Field(0.0, ge=0, le=1, description="of width and of height, independently")
    zoom: float = Field(0.0, ge=0, lt=1, description="of each side, out and in")
    contrast: float = Field(0.0, ge=0, le=1, description="of the distance from the mean")
    brightness: float = Field(0.0, ge=0, le=1, description="of the range 255")


class RandAugment(Frozen):
    """A sequence of ops, each sampled from ten (Cubuk et al. 2020), as keras-cv 0.9 defines it.

    keras-cv's own default is three ops.
    """

    probability: Probability = Field(1.0, description="that the policy acts on a picture")
    ops: int = Field(default=2, ge=0, le=10, description="ops in the sequence for each image")
    magnitude: Magnitude = Field(
        default=0.5, description="strength on keras-cv's scale, 0 (weakest) to 1"
    )
    magnitude_stddev: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="standard deviation of the magnitude of solarize, colour and the shears; "
        "brightness, contrast and the translations are uniform up to the magnitude instead",
    )
    rate: Probability = Field(
        default=10 / 11, description="probability that each op of the sequence happens"
    )


class AugMix(Frozen):
    """Chains of weak ops, blended with each other and with the original (Hendrycks et al. 2020).

    Fields and defaults are keras-cv's; a severity of .3 is the paper's 3 out of 10.
    """

    probability: Probability = Field(1.0, description="that the policy acts on a picture")
    severity: Magnitude = Field(
        default=0.3,
        description="upper end of each op's strength, 0 to 1; at 0 the ops without a strength "
        "(equalize, autocontrast, posterize to 4 bits) still happen",
    )
    chains: int = Field(default=3, ge=1, le=10, description="chains that are blended")
    min_depth: int = Field(default=1, ge=1, le=10, description="fewest ops in a chain")
    max_depth: int = Field(default=3, ge=1, le=10, description="most ops in a chain")
    alpha: Alpha = Field(
        default=1.0,
        description="of the Dirichlet weights of the chains and the Beta weight of the original; "
        "1 is uniform, larger is more even",
    )

    @model_validator(mode="after")
    def _depths_in_order(self) -> AugMix:
        if self.min_depth > self.max_depth:
            raise ValueError(
                f"min_depth must not be above max_depth, got {self.min_depth} and {self.max_depth}"
            )
        return self


class MixUp(Frozen):
    """The picture blended with another one, and its label likewise (Zhang et al. 2018)."""

    probability: Probability = Field(0.5, description="that a picture is blended with another")
    alpha: Alpha = Field(
        0.2, description="of the Beta weight of the picture; small values change most little"
    )


class CutMix(Frozen):
    """A rectangle of another picture at the same place (Yun et al. 2019); labels share by area."""

    probability: Probability = Field(
        0.5, description="that a picture which MixUp did not change gets a rectangle of another"
    )
    alpha: Alpha = Field(1.0, description="of the Beta share of the picture; 1 is uniform")


_NOT_KERAS_CV: Mapping[str, str] = MappingProxyType(
    {
        "posterize": "has no range",
        "gaussian_blur": "darkens the edge",
        "gaussian_noise": "does not exist",
    }
)
"""The ops that no layer of keras-cv can replace, and why."""


class Augment(Frozen):
    """All that may happen to a training picture.

    Basic, the wide chain, RandAugment and AugMix, in this order, each with its probability; then
    MixUp or, where that did not happen, CutMix. Both mix with a picture that went through the same
    policies.
    """

    engine: Literal["bcauto", "keras-cv"] = Field(
        "bcauto",
        description="what applies the policies. keras-cv is slower and follows no seed, so that "
        "the same trial does not come out the same twice; mixes are bcauto's in both",
    )
    fill: Fill = Field("reflect", description="what a warp brings in over the edge")
    basic: Basic | None = Field(default=None, description="absent: off")
    wide: WideChain | None = Field(default=None, description="absent: off")
    randaugment: RandAugment | None = Field(default=None, description="absent: off")
    augmix: AugMix | None = Field(default=None, description="absent: off")
    mixup: MixUp | None = Field(default=None, description="absent: off")
    cutmix: CutMix | None = Field(default=None, description="absent: off")

    @model_validator(mode="after")
    def _fits_engine(self) -> Augment:
        if self.engine != "keras-cv":
            return self
        if self.fill != "reflect":
            rule = "fill must be reflect with engine keras-cv, whose RandAugment has no other"
            raise ValueError(f"{rule}, got {self.fill!r}")
        for name in self.wide.ops if self.wide else ():
            if name in _NOT_KERAS_CV:
                rule = f"{name} needs engine bcauto, since keras-cv's {_NOT_KERAS_CV[name]}"
                legal = ", ".join(known for known in OPS if known not in _NOT_KERAS_CV)
                raise ValueError(f"{rule}. Legal: {legal}")
        return self

    @property
    def alters(self) -> bool:
        """Whether a policy is on that changes a picture by itself."""
        return any((self.basic, self.wide, self.randaugment, self.augmix))

    @property
    def mixes(self) -> bool:
        """Whether pictures, and with them labels, are mixed."""
        return any((self.mixup, self.cutmix))
