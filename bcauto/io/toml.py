"""TOML read into self-checking models, with one clear line for whatever breaks a rule."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from bcauto.errors import BadInput, did_you_mean

__all__ = [
    "Fault",
    "Frozen",
    "checked",
    "explain",
    "faults",
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
"""Pydantic's rules in TOML's words; the others read well once they begin with "must"."""


class Frozen(BaseModel):
    """Base of the configurations: frozen, closed to unknown keys, checked when made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file.

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
    """Refuses what would be read for long or for ever, such as a device or a pipe."""
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise BadInput(f"{path}: cannot be read (not a regular file)")
    if found.st_size > _BYTES and stat.S_ISREG(found.st_mode):
        raise BadInput(f"{path}: TOML may take at most {_BYTES:,} bytes, got {found.st_size:,}")


def _check_depth(path: Path, table: dict[str, Any]) -> None:
    """Refuses tables so deep that what goes through them would run out of stack."""
    inside: list[Any] = [table]
    for _ in range(_DEPTH):
        inside = [value for each in inside for value in _values(each)]
    if inside:
        raise BadInput(f"{path}: nothing may be nested deeper than {_DEPTH}")


def _values(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``: tables merge key by key, anything else is taken whole."""
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
    """The table in a TOML file that may build on another, which ``extends`` names.

    Args:
        model: what the other file holds too.
        path: the file.
        find: the file that a name means; BadInput where there is none. A relative path is taken
            from the file's folder.
        extend: makes one table of the other's and what the file changes; may raise ValueError.

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
    name, chain = table.pop("extends"), (*above, path.resolve())
    if not isinstance(name, str):
        raise BadInput(f"{path}: extends must be a name or a .toml file, got {name!r}")
    try:
        base_path = within(path.parent, name, find(name))
        leads_back = base_path.resolve() in chain
    except BadInput as error:
        raise BadInput(f"{path}: extends: {error}") from None
    except (OSError, ValueError, RuntimeError):  # a name too long, with a NUL, a circle of links
        raise BadInput(f"{path}: extends: cannot be read, got {name[:_NAME]!r}") from None
    if leads_back:
        raise BadInput(f"{path}: extends must not lead back to the file itself, got {name!r}")
    base = _read_chain(model, base_path, find, extend, chain)
    checked(model, base, base_path)
    try:
        return extend(base, table)
    except ValueError as error:
        said = explain(error, model) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"{path}: {_one_line(said)}") from None


def within(folder: Path, name: str, found: Path) -> Path:
    """The file that a name means, which is one that ships, or lies in the folder or below.

    Args:
        folder: what a relative path begins at.
        name: as it was given.
        found: the file of that name, or the path that the name is.

    Raises:
        BadInput: the name is a path that leads elsewhere.
    """
    given = Path(name)
    if found == given and (given.is_absolute() or ".." in given.parts):
        raise BadInput(f"must be a name or a .toml file of the same folder, got {name[:_NAME]!r}")
    return folder / found


def to_toml(model: BaseModel, exclude: Any = None) -> str:
    """The model as TOML; what is None is left out, since TOML has no null.

    Args:
        model: what is written.
        exclude: what is left out, as in ``model_dump``.
    """
    return tomli_w.dumps(model.model_dump(mode="json", exclude_none=True, exclude=exclude))


def parse(model: type[Model], data: Mapping[str, Any]) -> Model:
    """``data`` as a ``model``, with no type taken for another: neither true nor "1" is 1.

    Pydantic is so strict, and yet takes a list for a tuple, only where it reads JSON.

    Raises:
        ValidationError: ``data`` breaks a rule of the model.
    """
    return model.model_validate_json(json.dumps(data, default=str), strict=True)


def checked(model: type[Model], data: Mapping[str, Any], source: object) -> Model:
    """``data`` as a ``model``, or the first broken rule as one line that begins with ``source``.

    Raises:
        BadInput: ``data`` breaks a rule of the model.
    """
    try:
        return parse(model, data)
    except ValidationError as error:
        raise BadInput(f"{source}: {_one_line(explain(error, model))}") from None


def _one_line(text: str) -> str:
    """The text with line breaks escaped and its middle cut: a key or value may hold anything."""
    line = "\\n".join(text.splitlines())
    return line if len(line) <= _LINE else f"{line[: _LINE // 2]} ... {line[-_LINE // 2 :]}"


@dataclass(frozen=True)
class Fault:
    """A broken rule: the keys of what breaks it, and the model that should have the last key."""

    keys: tuple[int | str, ...]
    owner: type[BaseModel]
    details: Mapping[str, Any]

    @property
    def is_missing(self) -> bool:
        """Whether the key is not there."""
        return bool(self.details["type"] == "missing")

    def line(self, above: str = "") -> str:
        """Key, rule, value, legal keys; ``above`` is the table in which the keys lie."""
        key = ".".join(map(str, [above, *self.keys] if above else self.keys))
        kind, message = self.details["type"], self.details["msg"]
        if kind == "extra_forbidden":
            return f"unknown key {key!r}; {did_you_mean(self.keys[-1], self.owner.model_fields)}"
        if self.is_missing:
            return f"{key} is missing"
        if kind == "value_error":
            said = message.removeprefix("Value error, ")
            between = " " if said.startswith("must ") else ": "
            if self.keys:
                return f"{key}{between}{said}"
            return f"{above}.{said}" if above else said  # it begins with a key of its own
        rule = _RULES.get(kind, message.replace("Input should", "must", 1))
        return f"{key} {rule}, got {self.details['input']!r}".lstrip()


def faults(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """The broken rules of a validation error.

    Missing keys come last, since an unknown one may be what was meant.
    """
    errors = error.errors(include_url=False)
    found = [Fault(*_place(model, broken["loc"]), broken) for broken in errors]
    return sorted(found, key=lambda fault: fault.is_missing)


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first broken rule of a validation error: key, rule, value, legal keys."""
    return faults(error, model)[0].line()


def _place(
    model: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[tuple[int | str, ...], type[BaseModel]]:
    """The keys of an error's location, and the model that should have the last of them.

    Pydantic puts the name of a union's member between them, which is no key.
    """
    keys: list[int | str] = []
    inside = [model]
    for part in location:
        if len(inside) > 1 and part in (names := [one.__name__ for one in inside]):
            inside = [inside[names.index(str(part))]]
            continue
        model = inside[0] if inside else model
        keys.append(part)
        field = model.model_fields.get(str(part))
        inside = _nested_models(field.annotation) if field else []
    return tuple(keys), model


def _nested_models(annotation: Any) -> list[type[BaseModel]]:
    """The models inside ``Model``, ``Model | Other``, ``dict[str, Model]`` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = getattr(annotation, "__args__", ())
    return [model for inside in arguments for model in _nested_models(inside)]
