"""The settings as keywords of functions: their types, and what a function's help says of them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from textwrap import fill
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bcauto.study.effort import Effort
from bcauto.study.option import Option

__all__ = ["ExportKeywords", "SearchSettings", "TrainingSettings", "given", "lists_settings"]

Call = TypeVar("Call", bound=Callable[..., Any])
AnyPath = str | os.PathLike[str]


class TrainingSettings(TypedDict, total=False):
    """Keywords of every function that trains; see ``bcauto.study.settings.DataSettings``."""

    labels: AnyPath | None
    groups: str | None
    image_size: int | None
    resize: Literal["stretch", "fit", "crop"]
    leaks: Literal["refuse", "drop"]
    skip_damaged: bool
    weights: AnyPath
    seed: int


class SearchSettings(TrainingSettings, total=False):
    """Keywords of ``bcauto.search``; see ``bcauto.study.settings.Settings``."""

    space: AnyPath
    effort: Effort | None
    trials: int
    timeout: float | str | None
    sampler: Literal["tpe", "random", "cmaes", "gp", "grid"]
    confirm: int | None
    confirm_repeats: int | None
    confirm_length: float | None
    prefer: Literal["best", "small"] | None
    hypermodel: str | None
    input_scale: Literal[1, 255]
    proxy_data: AnyPath | None
    proxy_add: AnyPath | None
    workers: int | None
    gpus_per_trial: float
    executor: Literal["ray", "inline"]
    ray_address: str
    epoch_timeout: float | str
    keep: int | Literal["all"]
    storage: str


class ExportKeywords(TypedDict, total=False):
    """Keywords of ``Study.export``; see ``bcauto.export.entry.ExportOptions``."""

    views: bool
    ensemble: bool
    distil: bool
    calibrate: bool


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not None as plain values: paths as text, NumPy's as Python's."""
    return {name: _plain(value) for name, value in settings.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if isinstance(value, np.generic) else value


def lists_settings(kind: type[BaseModel]) -> Callable[[Call], Call]:
    """List settings in a function's docstring, in place of ``{settings}``, and in its signature.

    Args:
        kind: the settings; ``data`` is the function's own.
    """
    fields = {
        name: field
        for name, field in kind.model_fields.items()
        if name != "data" and any(isinstance(rule, Option) for rule in field.metadata)
    }

    def decorate(function: Call) -> Call:
        lines = "\n".join(_line(name, field) for name, field in fields.items())
        function.__doc__ = (function.__doc__ or "").replace("    {settings}", lines)
        own = inspect.signature(function)
        parameters = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        keywords = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in fields
        ]
        shown = own.replace(parameters=[*parameters, *keywords])
        function.__signature__ = shown  # type: ignore[attr-defined]
        return function

    return decorate


def _line(name: str, field: FieldInfo) -> str:
    about = next(rule for rule in field.metadata if isinstance(rule, Option))
    default = about.default or field.default
    known = "" if default is None else f" Default: {default}."
    text = f"{name}: {field.description}{known}".replace("--", "")
    return fill(text, 96, initial_indent=" " * 8, subsequent_indent=" " * 12)
