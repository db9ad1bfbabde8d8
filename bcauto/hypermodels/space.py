"""The space of a search with ``--hypermodel``: its own, with our training and augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tomli_w
from pydantic import ValidationError

from bcauto.data.dataset import Dataset
from bcauto.errors import BadInput, did_you_mean
from bcauto.hypermodels.discover import discover
from bcauto.io.toml import checked, explain
from bcauto.recipe.network import Hypermodel
from bcauto.space.dimensions import Dimension
from bcauto.space.extend import extended
from bcauto.space.files import space_table
from bcauto.space.space import Space
from bcauto.study.settings import Settings

__all__ = ["hypermodel_space"]

_VALUES = "model.values."


def hypermodel_space(settings: Settings, file: Path, data: Dataset) -> tuple[Space, str]:
    """Return the space of a hypermodel, as ``file`` extends it, and its text for the study.

    Args:
        settings: name the hypermodel, the folder of its module, and its input scale.
        file: a space with constants and dimensions of training and augmentation; of the model it
            may change the hyperparameters.
        data: what the hypermodel's models are to classify.

    Raises:
        BadInput: the hypermodel cannot be used, or the file, or they do not go together.
    """
    model = {"hypermodel": settings.hypermodel, "input_scale": settings.input_scale}
    checked(Hypermodel, model, "--hypermodel")
    changes = space_table(file)
    _check_no_model(file, changes)
    folder = Path(settings.hypermodel_folder or ".")
    found = discover(model, folder, data.image_size, len(data.class_names))
    _check_known(file, changes, {_hyperparameter(name) for name in found.table["search"]})
    try:
        table = extended(found.table, changes)
    except ValueError as error:
        reason = explain(error, Space) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"{file}: {reason}") from None
    space = checked(Space, table, file)
    for fault in found.faults:
        _check_not_sampled(settings.hypermodel, space, **fault)
    return space, f"# {settings.hypermodel}, with {file.name}\n\n{tomli_w.dumps(table)}"


def _check_no_model(file: Path, changes: dict[str, object]) -> None:
    """Raise BadInput if a space says more of the model than its hyperparameters."""
    constants = [f"recipe.model.{key}" for key in _table(changes, "recipe", "model")]
    names = [f"search.{name}" for name in _table(changes, "search")]
    allowed = ("values", "hypermodel", "input_scale")
    for name in [*constants, *(name for name in names if name.startswith("search.model."))]:
        if name.split(".")[2] not in allowed:
            raise BadInput(f"{file}: with --hypermodel, {name} must be left out: it has the model")


def _check_known(file: Path, changes: dict[str, object], known: set[str]) -> None:
    """Raise BadInput if a space names a hyperparameter that the hypermodel does not have."""
    constants = {f"recipe.{_VALUES}{n}": n for n in _table(changes, "recipe", "model", "values")}
    searched = [name for name in _table(changes, "search") if name.startswith(_VALUES)]
    for key, name in {**constants, **{f"search.{n}": _hyperparameter(n) for n in searched}}.items():
        if name not in known:
            rule = "no hyperparameter of the hypermodel"
            raise BadInput(f"{file}: {key}: {rule}; {did_you_mean(name, known)}")


def _table(tables: Any, *keys: str) -> dict[str, Any]:
    """Return a table within tables, empty if there is none; its form is checked elsewhere."""
    for key in keys:
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables if isinstance(tables, dict) else {}


def _hyperparameter(name: str) -> str:
    """Return the name of a dimension's hyperparameter."""
    return unquote(name.removeprefix(_VALUES).partition("@")[0])


def _check_not_sampled(
    hypermodel: str | None, space: Space, values: dict[str, Any], reason: str
) -> None:
    """Raise BadInput if a space can sample values with which the hypermodel's build fails."""
    if all(_can_sample(space, name, value) for name, value in values.items()):
        those = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        raise BadInput(
            f"--hypermodel {hypermodel}: with {those}, {reason}; fix it, or leave the value out "
            "in a --space file"
        )


def _can_sample(space: Space, name: str, value: Any) -> bool:
    """Whether a hyperparameter can have a value, conditions on other dimensions aside."""
    its = [d for other, d in space.search.items() if _hyperparameter(other) == name]
    fixed = _table(space.recipe, "model", "values")
    return any(_has(d, value) for d in its) if its else fixed.get(name, value) == value


def _has(dimension: Dimension, value: Any) -> bool:
    try:
        dimension.option(value)
    except ValueError:
        return False
    return True
