"""What a recipe says about augmentation: frozen tables of plain numbers that check themselves.

In TOML each policy is a table of ``augment``; a table that is absent is a policy that is off::

    [augment]
    flip = true

    [augment.randaugment]
    magnitude = 0.5
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["AugMix", "Augment", "RandAugment"]

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RandAugment(BaseModel):
    """Several ops in a row, each drawn from ten (Cubuk et al. 2020), as keras-cv 0.9 defines it.

    keras-cv's own default is three ops.
    """

    model_config = _FROZEN

    ops: int = Field(default=2, ge=0, le=10, description="ops in a row for each image")
    magnitude: float = Field(
        default=0.5, ge=0, le=1, description="strength on keras-cv's scale, 0 (weakest) to 1"
    )
    magnitude_stddev: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="standard deviation of the magnitude of solarize, colour and the shears; "
        "brightness, contrast and the translations are uniform up to the magnitude instead",
    )
    rate: float = Field(
        default=10 / 11, ge=0, le=1, description="probability that each op of the row happens"
    )


class AugMix(BaseModel):
    """Chains of weak ops, blended with each other and with the original (Hendrycks et al. 2020).

    keras-cv's fields and defaults; a severity of .3 is the paper's 3 out of 10.
    """

    model_config = _FROZEN

    severity: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="upper end of each op's strength, 0 to 1; at 0 the ops without a strength "
        "(equalize, autocontrast, posterize to 4 bits) still happen",
    )
    chains: int = Field(default=3, ge=1, le=10, description="chains that are blended")
    min_depth: int = Field(default=1, ge=1, le=10, description="fewest ops in a chain")
    max_depth: int = Field(default=3, ge=1, le=10, description="most ops in a chain")
    alpha: float = Field(
        default=1.0,
        gt=0,
        le=100,
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


class Augment(BaseModel):
    """All that may happen to a training image, in this order: flips, RandAugment, AugMix."""

    model_config = _FROZEN

    flip: bool = Field(
        default=False,
        description="mirror left-right and top-bottom, each with probability .5, independently",
    )
    randaugment: RandAugment | None = Field(default=None, description="absent: off")
    augmix: AugMix | None = Field(default=None, description="absent: off")

    @property
    def is_off(self) -> bool:
        """Whether no policy is on, so that every image stays as it is."""
        return self == Augment()
