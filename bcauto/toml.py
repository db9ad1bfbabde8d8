"""TOML read into self-checking models, with one clear line for whatever breaks a rule."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from bcauto.errors import BadInput, choices

__all__ = ["Frozen", "checked", "explain", "read_toml", "to_toml"]

Model = TypeVar("Model", bound=BaseModel)


class Frozen(BaseModel):
    """Base of the configurations: frozen, closed to unknown keys, checked when made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file.

    Raises:
        BadInput: the file is missing, unreadable, or not TOML (the message has the line).
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid TOML ({error})") from error


def to_toml(model: BaseModel) -> str:
    """The model as TOML; what is None is left out, since TOML has no null."""
    return tomli_w.dumps(model.model_dump(mode="json", exclude_none=True))


def checked(model: type[Model], data: Mapping[str, Any], source: object) -> Model:
    """``data`` as a ``model``, or the first broken rule as one line that begins with ``source``.

    Raises:
        BadInput: ``data`` breaks a rule of the model.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise BadInput(f"{source}: {explain(error, model)}") from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first broken rule of a validation error: key, rule, value, legal keys."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}; {choices(first['loc'][-1], _legal_keys(model, first['loc']))}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message}, got {first['input']!r}"


def _legal_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        nested = _nested_model(field.annotation) if field else None
        if nested is None:
            break
        model = nested
    return list(model.model_fields)


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``Model``, ``Model | None``, ``dict[str, Model]`` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = map(_nested_model, getattr(annotation, "__args__", ()))
    return next((found for found in inside if found), None)
