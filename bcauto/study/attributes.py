"""Reads and writes what a study stores: ``trial.TrialAttributes``, its identity, a sign of life.

These are Optuna's user attributes of trials and studies. What is long, such as a recipe, is a
system attribute of its trial, which optuna-dashboard does not show; it shows a note, and numbers by
name. Other modules use these functions alone.
"""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from pydantic import BaseModel, ConfigDict, ValidationError

from bcauto.errors import NothingUsable
from bcauto.study.settings import Identity
from bcauto.trial import TrialAttributes, TrialResult

__all__ = [
    "SignOfLife",
    "as_user_attrs",
    "name_value",
    "read_attributes",
    "read_identity",
    "read_sign_of_life",
    "store",
    "store_estimates",
    "store_identity",
    "store_note",
    "store_result",
    "store_sign_of_life",
    "writable",
]

_PREFIX = "bcauto:"
_LONG = {_PREFIX + name: name for name in ("recipe", "scores", "run", "traceback")}
_IDENTITY = "identity"
_SIGN_OF_LIFE = "searched_by"
_ESTIMATES = "confirmation"


def read_attributes(trial: FrozenTrial | optuna.Trial) -> TrialAttributes:
    """What is stored of a trial.

    Raises:
        NothingUsable: a value is not what bcauto stores.
    """
    system = (
        trial.system_attrs
        if isinstance(trial, FrozenTrial)
        else trial.storage.get_trial_system_attrs(trial._trial_id)
    )
    long = {name: system[key] for key, name in _LONG.items() if key in system}
    try:  # earlier versions stored all as user attributes
        return TrialAttributes.model_validate({**trial.user_attrs, **long})
    except ValidationError as error:
        what = str(error).splitlines()[1]  # the first line counts the errors
        raise NothingUsable(f"trial {trial.number} in the storage is damaged ({what})") from None


def writable(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    """A trial as Optuna lets attributes of it be stored."""
    return optuna.Trial(study, trial._trial_id)


def store(trial: optuna.Trial, attributes: TrialAttributes) -> None:
    """Store the fields that ``attributes`` was made with; others of the trial stay."""
    for name, value in as_user_attrs(attributes).items():
        key = _PREFIX + name
        if key in _LONG:
            trial.storage.set_trial_system_attr(trial._trial_id, key, value)
        else:
            trial.set_user_attr(name, value)


def store_result(trial: optuna.Trial, result: TrialResult) -> None:
    """Store all that a trial has come to, and its numbers by name for a dashboard."""
    scores, run = result.scores, result.run
    known = {"clean_accuracy": result.clean_accuracy, "scores": scores, "run": run}
    store(trial, TrialAttributes(**known))
    shown = {
        "held out": scores.mean_held_out,
        **{f"on {family}": value for family, value in (scores.families | scores.held_out).items()},
        "seconds": round(run.seconds, 1),
        "parameters": run.parameters,
    }
    for name, value in shown.items():
        if value is not None:
            trial.set_user_attr(name, value)


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


def name_value(study: optuna.Study, name: str) -> None:
    """Say what the value of a trial is called."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # since Optuna 3.2
        if study.metric_names != [name]:
            study.set_metric_names([name])


def store_note(study: optuna.Study, note: str, trial: FrozenTrial | None = None) -> None:
    """Store a note in Markdown that optuna-dashboard shows, of a study or of one of its trials."""
    from optuna_dashboard import get_note, save_note  # imports a web server

    of = study if trial is None else writable(study, trial)
    if get_note(of) != note:
        save_note(of, note)


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
