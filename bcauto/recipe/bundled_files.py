"""The files that ship with bcauto: search spaces, and the known systems as recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bcauto.errors import BadInput, did_you_mean

__all__ = ["Kind", "find", "shipped"]

Kind = Literal["space", "hypermodel", "recipe"]

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = {
    "space": "search_spaces",
    "hypermodel": "search_spaces/hypermodels",  # spaces without a model
    "recipe": "search_spaces/recipes",
}


def shipped(kind: Kind) -> dict[str, Path]:
    """The files of a kind by name: inside the package, or beside it in a clone."""
    folders = (_PACKAGE / _FOLDERS[kind], _PACKAGE.parent / _FOLDERS[kind])
    folder = next((f for f in folders if f.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(kind: Kind, name: str) -> Path:
    """The file of a space or a recipe given by path (ends in ``.toml``) or by name.

    Raises:
        BadInput: none of that name ships.
    """
    if name.endswith(".toml"):
        return Path(name)
    known = shipped(kind)
    if name not in known:
        raise BadInput(
            f"unknown {kind} {name!r}; {did_you_mean(name, known)}; or a path to a .toml"
        )
    return known[name]
