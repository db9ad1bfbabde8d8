"""TOML read into self-checking models, with one clear line for each broken rule."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from bcauto.errors import BadInput, did_you_mean

__all__ = [
    "Frozen",
    "checked",
    "explain",
    "merged",
    "parse",
    "read_extending",
    "read_toml",
    "to_toml",
    "within",
]

Model = TypeVar("Model", bound=BaseModel)
_LINE = 2000  # characters of a message; legal choices come last
_NAME = 200  # characters of a file's name in a message
_DEPTH = 50
_BYTES = 2**20  # of a file; TOML is read at about a megabyte in a second

Extend = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]

_RULES = {
    "json_invalid": "every text must be UTF-8, and nothing nested 200 deep",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a string",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
"""Pydantic's rules in TOML's words; other messages begin with "must" for "Input should"."""


class Frozen(BaseModel):
    """Base of the configurations: frozen, closed to unknown keys, checked when made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in a TOML file.

    Raises:
        BadInput: the file is missing, unreadable, or not TOML (the message has the line).
    """
    try:
        _check_plain_file(path)
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # also no UTF-8, or a number too long to read
        raise BadInput(f"{path}: not valid TOML ({_one_line(str(error))})") from error
    _check_depth(path, table)
    return table


def _check_plain_file(path: Path) -> None:
    """Refuse a device or a pipe, which may never end, and a file that takes seconds to read."""
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise BadInput(f"{path}: cannot be read (not a regular file)")
    if found.st_size > _BYTES and stat.S_ISREG(found.st_mode):
        raise BadInput(f"{path}: TOML may take at most {_BYTES:,} bytes, got {found.st_size:,}")


def _check_depth(path: Path, table: dict[str, Any]) -> None:
    """Refuse tables so deep that recursion through them would run out of stack."""
    level: list[Any] = [table]
    for _ in range(_DEPTH):
        tables = [each.values() for each in level if isinstance(each, dict)]
        lists = [each for each in level if isinstance(each, list)]
        level = list(chain.from_iterable([*tables, *lists]))
    if level:
        raise BadInput(f"{path}: nothing may be nested deeper than {_DEPTH}")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``: tables merge key by key, other values are replaced."""
    both = {
        key: merged(base[key], value)
        if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in changes.items()
    }
    return {**base, **both}


def read_extending(
    model: type[Model], path: Path, find: Callable[[str], Path], extend: Extend = merged
) -> dict[str, Any]:
    """Return the table in a TOML file that may build on another, which ``extends`` names.

    Args:
        model: what both files hold.
        path: the file.
        find: returns the file of a name, or raises BadInput. A relative path starts at the file's
            folder.
        extend: makes one table of the other file's table and the file's changes; may raise
            ValueError.

    Raises:
        BadInput: a file cannot be read, one that is extended breaks a rule, or extends itself.
    """
    return _read_chain(model, path, find, extend, ())


def _read_chain(
    model: type[Model],
    path: Path,
    find: Callable[[str], Path],
    extend: Extend,
    above: tuple[Path, ...],
) -> dict[str, Any]:
    table = read_toml(path)
    if "extends" not in table:
        return table
    name, files = table.pop("extends"), (*above, path.resolve())
    if not isinstance(name, str):
        raise BadInput(f"{path}: extends must be a name or a .toml file, got {name!r}")
    try:
        base_path = within(path.parent, name, find(name))
        leads_back = base_path.resolve() in files
    except BadInput as error:
        raise BadInput(f"{path}: extends: {error}") from None
    except (OSError, ValueError, RuntimeError):  # a name too long, with a NUL, a circle of links
        raise BadInput(f"{path}: extends: cannot be read, got {name[:_NAME]!r}") from None
    if leads_back:
        raise BadInput(f"{path}: extends must not lead back to the file itself, got {name!r}")
    base = _read_chain(model, base_path, find, extend, files)
    checked(model, base, base_path)
    try:
        return extend(base, table)
    except ValueError as error:
        said = explain(error, model) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"{path}: {_one_line(said)}") from None


def within(folder: Path, name: str, found: Path) -> Path:
    """Return the file of a name: a bundled one, or one in the folder or below.

    Args:
        folder: where a relative path starts.
        name: as the user gave it.
        found: the bundled file of that name, or the name as a path.

    Raises:
        BadInput: the name is a path that leads out of the folder.
    """
    given = Path(name)
    if found == given and (given.is_absolute() or ".." in given.parts):
        raise BadInput(f"must be a name or a .toml file of the same folder, got {name[:_NAME]!r}")
    return folder / found


def to_toml(model: BaseModel, exclude: Any = None) -> str:
    """Return the model as TOML; None is left out, since TOML has no null.

    Args:
        model: the model to write.
        exclude: fields to leave out, as in ``model_dump``.
    """
    return tomli_w.dumps(model.model_dump(mode="json", exclude_none=True, exclude=exclude))


def parse(model: type[Model], data: Mapping[str, Any]) -> Model:
    """Return ``data`` as a ``model``; no type is taken for another: neither true nor "1" is 1.

    It goes through JSON: only there pydantic is that strict and still takes a list for a tuple.

    Raises:
        ValidationError: ``data`` breaks a rule of the model.
    """
    return model.model_validate_json(json.dumps(data, default=str), strict=True)


def checked(model: type[Model], data: Mapping[str, Any], source: object) -> Model:
    """Return ``data`` as a ``model``.

    Raises:
        BadInput: it breaks a rule of the model; the line begins with ``source``.
    """
    try:
        return parse(model, data)
    except ValidationError as error:
        raise BadInput(f"{source}: {_one_line(explain(error, model))}") from None


def _one_line(text: str) -> str:
    """Return the text with line breaks escaped and a long middle cut: a key may hold anything."""
    line = "\\n".join(text.splitlines())
    return line if len(line) <= _LINE else f"{line[: _LINE // 2]} ... {line[-_LINE // 2 :]}"


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first broken rule of a validation error: key, rule, value got, legal keys.

    A missing key comes last, since an unknown one may be what was meant.
    """
    broken = min(error.errors(include_url=False), key=lambda one: one["type"] == "missing")
    keys, owner = _keys(model, broken["loc"])
    key, kind = ".".join(map(str, keys)), broken["type"]
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        return f"unknown key {key!r}; {did_you_mean(keys[-1], owner.model_fields)}"
    if kind == "value_error":  # of a validator of ours, with the value in its message
        said = str(broken["ctx"]["error"])
        between = "" if not keys else " " if said.startswith("must ") else ": "
        return f"{key}{between}{said}"
    rule = _RULES.get(kind) or broken["msg"].replace("Input should", "must", 1)
    return f"{key} {rule}, got {broken['input']!r}".lstrip()


def _keys(
    model: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[list[int | str], type[BaseModel]]:
    """Return the keys of an error's location, and the model that should have the last of them.

    Pydantic puts the name of a union's member between them, which is not a key.
    """
    keys: list[int | str] = []
    inside: list[type[BaseModel]] = [model]
    for part in location:
        member = next((one for one in inside if one.__name__ == part), None)
        if member and len(inside) > 1:
            inside = [member]
            continue
        model = inside[0] if inside else model
        keys.append(part)
        field = model.model_fields.get(str(part))
        inside = _models_in(field.annotation) if field else []
    return keys, model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in ``Model``, ``Model | Other``, ``dict[str, Model]`` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for inside in get_args(annotation) for one in _models_in(inside)]
