"""Where spaces are found: by path, or by name among those that ship with bcauto."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from bcauto.shipped import find, shipped
from bcauto.space.extend import extended, left_out
from bcauto.space.space import Space
from bcauto.toml import checked, read_extending, read_toml

__all__ = [
    "HYPERMODEL_SPACE",
    "find_space",
    "read_space",
    "shipped_spaces",
    "space_table",
    "space_text",
    "starts_left_out",
]

HYPERMODEL_SPACE = "hypermodels/default"
"""The space of all but the model, which a hypermodel's own space is added to."""


def shipped_spaces() -> dict[str, Path]:
    """The spaces that ship with bcauto, by name."""
    return shipped("space")


def find_space(name: str) -> Path:
    """The file of a space given by path (ends in ``.toml``) or by name.

    Raises:
        BadInput: no space of that name.
    """
    if name == HYPERMODEL_SPACE:
        return shipped("hypermodel")["default"]
    return find("space", name)


def read_space(path: Path) -> Space:
    """The space in a TOML file, checked to its edges.

    Raises:
        BadInput: the file, or one that it extends, cannot be read, or breaks a rule.
    """
    return checked(Space, space_table(path), path)


def space_table(path: Path) -> dict[str, Any]:
    """The raw table in a space's file, with what it takes from the spaces that it extends.

    ``extends`` names a space that ships with bcauto, or a ``.toml`` file from the file's folder.

    Raises:
        BadInput: a file cannot be read, an extended space breaks a rule, or extends itself.
    """
    return read_extending(Space, path, find_space, extended)


def starts_left_out(path: Path) -> list[str]:
    """A line for each starting point that a space does not take from one that it extends.

    Raises:
        BadInput: as ``space_table``.
    """
    said: list[str] = []

    def extend(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        said.extend(left_out(base, changes))
        return extended(base, changes)

    read_extending(Space, path, find_space, extend)
    return said


def space_text(path: Path) -> str:
    """The space's file, to be kept: as it is, or, where it extends another, with all it takes."""
    text = path.read_text(encoding="utf-8")
    if "extends" not in read_toml(path):
        return text
    return f"# {path.name}, with what it extends\n\n{tomli_w.dumps(space_table(path))}"
