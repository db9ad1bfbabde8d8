"""Where spaces are found: by path, or by name among those that ship with bcauto."""

from __future__ import annotations

from pathlib import Path

from bcauto.errors import BadInput, choices
from bcauto.space.space import Space
from bcauto.toml import checked, read_toml

__all__ = ["find_space", "read_space", "shipped_spaces"]

_PACKAGE = Path(__file__).parents[1]


def shipped_spaces() -> dict[str, Path]:
    """The spaces in ``search_spaces/`` by name: inside the package, or beside it in a clone."""
    folders = (_PACKAGE / "search_spaces", _PACKAGE.parent / "search_spaces")
    folder = next((f for f in folders if f.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_space(name: str) -> Path:
    """The file of a space given by path (ends in ``.toml``) or by name.

    Raises:
        BadInput: no such file, or no space of that name.
    """
    if name.endswith(".toml"):
        return Path(name)
    shipped = shipped_spaces()
    if name not in shipped:
        raise BadInput(f"unknown space {name!r}; {choices(name, shipped)}; or a path to a .toml")
    return shipped[name]


def read_space(path: Path) -> Space:
    """The space in a TOML file, checked to its edges.

    Raises:
        BadInput: the file cannot be read, or what it holds breaks a rule.
    """
    return checked(Space, read_toml(path), path)
