"""The space of a search for a hypermodel: its own, with training and augmentation of ours."""

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
    """The space that ``file`` makes of a hypermodel's own, and its text to be kept.

    The file changes the hypermodel's space as one space extends another.

    Args:
        settings: name the hypermodel, the folder of its module, and its input scale.
        file: constants and dimensions of all but the model.
        data: what the hypermodel is to classify.

    Raises:
        BadInput: the hypermodel cannot be used, or the file, or they do not go together.
    """
    model = {"hypermodel": settings.hypermodel, "input_scale": settings.input_scale}
    checked(Hypermodel, model, "--hypermodel")
    changes = space_table(file)
    _check_no_network(file, changes)
    folder = Path(settings.hypermodel_folder or ".")
    found = discover(model, folder, data.image_size, len(data.class_names))
    _check_known(file, changes, {_hyperparameter(name) for name in found.table["search"]})
    try:
        table = extended(found.table, changes)
    except ValueError as error:
        said = explain(error, Space) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"{file}: {said}") from None
    space = checked(Space, table, file)
    for fault in found.faults:
        _check_left_out(settings.hypermodel, space, **fault)
    about = f"# {settings.hypermodel}, with {file.name}\n\n"
    return space, about + tomli_w.dumps(table)


def _check_no_network(file: Path, changes: dict[str, object]) -> None:
    """Makes sure that a space leaves the model to the hypermodel, but for its values."""
    constants = [f"recipe.model.{key}" for key in _table(changes, "recipe", "model")]
    names = [f"search.{name}" for name in _table(changes, "search")]
    allowed = ("values", "hypermodel", "input_scale")
    for name in [*constants, *(name for name in names if name.startswith("search.model."))]:
        if name.split(".")[2] not in allowed:
            raise BadInput(f"{file}: with --hypermodel, {name} must be left out: it has the model")


def _check_known(file: Path, changes: dict[str, object], known: set[str]) -> None:
    """Makes sure that a space speaks of no hyperparameter that the hypermodel has not."""
    constants = {f"recipe.{_VALUES}{n}": n for n in _table(changes, "recipe", "model", "values")}
    searched = [name for name in _table(changes, "search") if name.startswith(_VALUES)]
    for key, name in {**constants, **{f"search.{n}": _hyperparameter(n) for n in searched}}.items():
        if name not in known:
            rule = "no hyperparameter of the hypermodel"
            raise BadInput(f"{file}: {key}: {rule}; {did_you_mean(name, known)}")


def _table(tables: Any, *keys: str) -> dict[str, Any]:
    """A table within tables; empty where there is none, since others check what there is."""
    for key in keys:
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables if isinstance(tables, dict) else {}


def _hyperparameter(name: str) -> str:
    """The name of a dimension's hyperparameter."""
    return unquote(name.removeprefix(_VALUES).partition("@")[0])


def _check_left_out(
    hypermodel: str | None, space: Space, values: dict[str, Any], reason: str
) -> None:
    """Makes sure that a space can not draw values with which the hypermodel's build fails."""
    if all(_draws(space, name, value) for name, value in values.items()):
        those = ", ".join(f"{name} = {value!r}" for name, value in values.items())
        raise BadInput(
            f"--hypermodel {hypermodel}: with {those}, {reason}; mend it, or leave the value out "
            "in a --space file"
        )


def _draws(space: Space, name: str, value: Any) -> bool:
    """Whether a hyperparameter can have a value, as far as that is up to its own dimensions."""
    its = [d for other, d in space.search.items() if _hyperparameter(other) == name]
    fixed = _table(space.recipe, "model", "values")
    return any(_has(d, value) for d in its) if its else fixed.get(name, value) == value


def _has(dimension: Dimension, value: Any) -> bool:
    try:
        dimension.option(value)
    except ValueError:
        return False
    return True
