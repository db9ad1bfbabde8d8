"""The space of a search for a hypermodel: its own, with training and augmentation of ours."""

from __future__ import annotations

from pathlib import Path

import tomli_w
from pydantic import ValidationError

from bcauto.data import Dataset
from bcauto.errors import BadInput
from bcauto.hypermodels.discover import discover
from bcauto.recipe import Hypermodel
from bcauto.space import Space, extended, space_table
from bcauto.study import Settings
from bcauto.toml import checked, explain

__all__ = ["hypermodel_space"]


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
    base = discover(model, folder, data.image_size, len(data.class_names))
    try:
        table = extended(base, changes)
    except ValueError as error:
        said = explain(error, Space) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"{file}: {said}") from None
    about = f"# {settings.hypermodel}, with {file.name}\n\n"
    return checked(Space, table, file), about + tomli_w.dumps(table)


def _check_no_network(file: Path, changes: dict[str, object]) -> None:
    """Makes sure that a space leaves the model to the hypermodel, but for its values."""
    recipe, search = changes.get("recipe", {}), changes.get("search", {})
    model = recipe.get("model", {}) if isinstance(recipe, dict) else {}
    constants = [f"recipe.model.{key}" for key in (model if isinstance(model, dict) else {})]
    names = [f"search.{name}" for name in (search if isinstance(search, dict) else {})]
    allowed = ("values", "hypermodel", "input_scale")
    for name in [*constants, *(name for name in names if name.startswith("search.model."))]:
        if name.split(".")[2] not in allowed:
            raise BadInput(f"{file}: with --hypermodel, {name} must be left out: it has the model")
