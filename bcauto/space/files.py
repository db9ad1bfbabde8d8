"""Spaces in files, found by path or by the name of a bundled one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import field_validator

from bcauto.errors import BadInput
from bcauto.io.toml import checked, read_extending, read_toml
from bcauto.recipe.bundled_files import bundled, find_bundled
from bcauto.space.extend import extended, left_out
from bcauto.space.space import Space, recipe_of

__all__ = [
    "HYPERMODEL_SPACE",
    "bundled_spaces",
    "find_space",
    "read_space",
    "space_table",
    "space_text",
    "starts_left_out",
]

Table = dict[str, Any]

HYPERMODEL_SPACE = "hypermodels/default"
"""The space of all but the model; a hypermodel's own space is added to it."""


def bundled_spaces() -> dict[str, Path]:
    """Return the files of the bundled spaces by name."""
    return bundled("space")


def find_space(name: str) -> Path:
    """Return the file of a space given by path (ends in ``.toml``) or by name.

    Raises:
        BadInput: there is no space of that name.
    """
    if name == HYPERMODEL_SPACE:
        return bundled("hypermodel")["default"]
    return find_bundled("space", name)


def read_space(path: Path) -> Space:
    """The space in a TOML file, checked to its edges.

    Raises:
        BadInput: the file, or one that it extends, cannot be read, or breaks a rule.
    """
    return checked(Space, space_table(path), path)


def space_table(path: Path) -> dict[str, Any]:
    """Return the raw table of a space's file, merged with the spaces that it extends.

    ``extends`` names a bundled space, or a ``.toml`` file from the file's folder. Starting points
    that name recipe files are replaced by the recipes, since the files' paths start at the folder
    of the space that names them.

    Raises:
        BadInput: a file cannot be read, an extended space breaks a rule, or extends itself.
    """
    return _read(path, extended)


def starts_left_out(path: Path) -> list[str]:
    """Return a line for each starting point of an extended space that a space does not keep.

    Raises:
        BadInput: as ``space_table``.
    """
    lines: list[str] = []

    def extend(base: Table, changes: Table) -> Table:
        lines.extend(left_out(base, changes))
        return extended(base, changes)

    _read(path, extend)
    return lines


def space_text(path: Path) -> str:
    """Return the text of a space's file that needs no other file, for a study to keep.

    What it takes from other files is merged, and bundled recipes are written out, so that the study
    still starts from the same ones when these change.

    Raises:
        BadInput: as ``space_table``.
    """
    table = _with_recipes(space_table(path), path, lambda _: True)
    if table == read_toml(path):
        return path.read_text(encoding="utf-8")
    return f"# {path.name}, with what it takes from other files\n\n{tomli_w.dumps(table)}"


class _Unplaced(Space):
    """A space whose folder is not known, so that its recipe files are not read."""

    @field_validator("start", mode="before")
    @classmethod
    def _without_files(cls, starts: Any) -> Any:
        if not isinstance(starts, list):
            return starts
        return tuple({} if _is_file(_named(start)) else start for start in starts)


def _read(path: Path, extend: Callable[[Table, Table], Table]) -> Table:
    """Return the merged table of a space's file, with the recipes of each file's folder."""
    files = [path]  # down the chain; they are merged from its end on

    def find_next(name: str) -> Path:
        found = find_space(name)
        files.append(files[-1].parent / found)
        return found

    def extend_placed(base: Table, changes: Table) -> Table:
        base = _with_recipes(base, files.pop(), _is_file)
        return extend(base, _with_recipes(changes, files[-1], _is_file))

    table = read_extending(_Unplaced, path, find_next, extend_placed)
    return _with_recipes(table, path, _is_file)


def _with_recipes(table: Table, path: Path, which: Callable[[str], bool]) -> Table:
    """Return a space's table in which some names of recipes are replaced by the recipes.

    Raises:
        BadInput: one cannot be read, breaks a rule, or its path leaves the file's folder.
    """
    starts = table.get("start")
    if not isinstance(starts, list):
        return table
    placed = []
    for number, start in enumerate(starts, 1):
        name = _named(start)
        if name and which(name):
            start = {**start, "recipe": _recipe(name, path, number)}
        placed.append(start)
    return {**table, "start": placed}


def _recipe(name: str, path: Path, number: int) -> Table:
    """Return the table of the recipe that starting point ``number`` of a space's file names."""
    try:
        recipe = recipe_of(name, path.parent)
    except BadInput as error:
        raise BadInput(f"{path}: start {number}: {error}") from None
    return recipe.model_dump(mode="json", exclude_unset=True)


def _named(start: Any) -> str:
    """Return the name or file of a starting point's recipe; empty if it names none."""
    name = start.get("recipe") if isinstance(start, dict) else None
    return name if isinstance(name, str) else ""


def _is_file(name: str) -> bool:
    return name.endswith(".toml")
