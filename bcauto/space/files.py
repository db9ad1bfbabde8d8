"""Where spaces are found: by path, or by name among those that ship with bcauto."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from bcauto.errors import BadInput, choices
from bcauto.space.extend import extended, inherited_start
from bcauto.space.space import Space
from bcauto.toml import checked, read_toml

__all__ = ["find_space", "read_space", "shipped_spaces", "space_table", "space_text"]

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
        BadInput: the file, or one that it extends, cannot be read, or breaks a rule.
    """
    return checked(Space, space_table(path), path)


def space_table(path: Path) -> dict[str, Any]:
    """The raw table in a space's file, with what it takes from the spaces that it extends.

    ``extends`` names a space that ships with bcauto, or a ``.toml`` file from the file's folder.
    Starting points of the extended space stay where the space can still draw them, unless the file
    brings its own.

    Raises:
        BadInput: a file cannot be read, an extended space breaks a rule, or extends itself.
    """
    return _table(path, ())


def space_text(path: Path) -> str:
    """The space's file, to be kept: as it is, or, where it extends another, with all it takes."""
    text = path.read_text(encoding="utf-8")
    if "extends" not in read_toml(path):
        return text
    return f"# {path.name}, with what it extends\n\n{tomli_w.dumps(space_table(path))}"


def _table(path: Path, extending: tuple[Path, ...]) -> dict[str, Any]:
    table = read_toml(path)
    if "extends" not in table:
        return table
    chain = (*extending, path.resolve())
    base_path = _extended_path(path, table.pop("extends"))
    if base_path.resolve() in chain:
        raise BadInput(f"{path}: extends must not lead back to the file itself, got {base_path}")
    base = _table(base_path, chain)
    checked(Space, base, base_path)
    _check_tables(path, table)
    space = checked(Space, whole := extended(base, table), path)
    start = table.get("start", [])
    if not start:
        points = (inherited_start(point, table) for point in base.get("start", []))
        start = [point for point in points if point and space.holds(point)]
    return {**whole, **{key: table[key] for key in table.keys() - whole.keys()}, "start": start}


def _extended_path(path: Path, name: Any) -> Path:
    if not isinstance(name, str):
        raise BadInput(f"{path}: extends must be the name of a space or of a file, got {name!r}")
    try:
        found = find_space(name)
    except BadInput as error:
        raise BadInput(f"{path}: extends: {error}") from None
    return path.parent / found


def _check_tables(path: Path, table: Mapping[str, Any]) -> None:
    """Makes sure that what is merged are tables; what is in them is checked when it is merged."""
    for name in ("recipe", "search", "proxy", "confirm"):
        if not isinstance(table.get(name, {}), dict):
            raise BadInput(f"{path}: {name} must be a table, got {table[name]!r}")
