"""Reads and writes what a study stores: ``trial.TrialAttributes``, its identity, a sign of life.

These are Optuna's user attributes of trials and studies. Other modules use these functions alone.
"""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import FrozenTrial
from pydantic import BaseModel, ConfigDict, ValidationError

from bcauto.errors import NothingUsable
from bcauto.study.settings import Identity
from bcauto.trial import TrialAttributes

__all__ = [
    "SignOfLife",
    "as_user_attrs",
    "read_attributes",
    "read_identity",
    "read_sign_of_life",
    "store",
    "store_estimates",
    "store_identity",
    "store_sign_of_life",
]

_IDENTITY = "identity"
_SIGN_OF_LIFE = "searched_by"
_ESTIMATES = "confirmation"


def read_attributes(trial: FrozenTrial | optuna.Trial) -> TrialAttributes:
    """What is stored of a trial.

    Raises:
        NothingUsable: a value is not what bcauto stores.
    """
    try:
        return TrialAttributes.model_validate(trial.user_attrs)
    except ValidationError as error:
        what = str(error).splitlines()[1]  # the first line counts the errors
        raise NothingUsable(f"trial {trial.number} in the storage is damaged ({what})") from None


def store(trial: optuna.Trial, attributes: TrialAttributes) -> None:
    """Store the fields that ``attributes`` was made with; others of the trial stay."""
    for key, value in as_user_attrs(attributes).items():
        trial.set_user_attr(key, value)


def as_user_attrs(attributes: TrialAttributes) -> dict[str, Any]:
    """The fields that ``attributes`` was made with, as plain values by their stored keys."""
    return attributes.model_dump(mode="json", include=attributes.model_fields_set)


def read_identity(study: optuna.Study) -> Identity | None:
    """What the study was begun with; None where bcauto never stored that."""
    try:
        return Identity.model_validate(study.user_attrs.get(_IDENTITY))
    except ValidationError:  # missing, or another program's
        return None


def store_identity(study: optuna.Study, identity: Identity) -> None:
    """Store what the study was begun with."""
    study.set_user_attr(_IDENTITY, identity.model_dump())


def store_estimates(study: optuna.Study, estimates: dict[str, Any]) -> None:
    """Store what the confirmation has come to, for those who look at the study in a dashboard."""
    study.set_user_attr(_ESTIMATES, estimates)


class SignOfLife(BaseModel):
    """The process that searches a study, and when it last said so (seconds since the epoch)."""

    model_config = ConfigDict(frozen=True)

    name: str
    seen: float


def read_sign_of_life(study: optuna.Study) -> SignOfLife | None:
    """The last sign of life of a process that searches the study."""
    stored = study.user_attrs.get(_SIGN_OF_LIFE)
    return None if stored is None else SignOfLife.model_validate(stored)


def store_sign_of_life(study: optuna.Study, sign: SignOfLife) -> None:
    """Store a sign of life of the process that searches the study."""
    study.set_user_attr(_SIGN_OF_LIFE, sign.model_dump())
