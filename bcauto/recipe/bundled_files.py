"""The files that come with bcauto: search spaces, and the known systems as recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bcauto.errors import BadInput, did_you_mean

__all__ = ["Kind", "bundled", "find_bundled"]

Kind = Literal["space", "hypermodel", "recipe"]

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = {
    "space": "search_spaces",
    "hypermodel": "search_spaces/hypermodels",  # spaces without a model
    "recipe": "search_spaces/recipes",
}


def bundled(kind: Kind) -> dict[str, Path]:
    """Return the files of a kind by name; they lie in the package, or beside it in a clone."""
    folders = (_PACKAGE / _FOLDERS[kind], _PACKAGE.parent / _FOLDERS[kind])
    folder = next((f for f in folders if f.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_bundled(kind: Kind, name: str) -> Path:
    """Return the bundled file of a name; a name that ends in ``.toml`` is a path already.

    Raises:
        BadInput: bcauto has none of that name.
    """
    if name.endswith(".toml"):
        return Path(name)
    known = bundled(kind)
    if name not in known:
        raise BadInput(
            f"unknown {kind} {name!r}; {did_you_mean(name, known)}; or a path to a .toml"
        )
    return known[name]
