"""The options that several commands share, each declared once.

A setting's option has its text, default and bounds from the setting. It is None where it was not
given: then a study's own value holds, or the default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bcauto.errors import BadInput
from bcauto.study.option import Option
from bcauto.study.settings import Settings

__all__ = [
    "DEFAULT_SEED",
    "DataOption",
    "ImageSizeOption",
    "JsonFlag",
    "LabelsOption",
    "ModelArgument",
    "ResizeOption",
    "SeedOption",
    "SkipDamagedOption",
    "StorageOption",
    "StudiesDir",
    "StudyArgument",
    "takes_settings",
]

DEFAULT_SEED: int = Settings.model_fields["seed"].default

_MOST_SHOWN = 10**6  # of an upper bound in the help


def _option(name: str, field: FieldInfo, panel: str | None = None) -> Any:
    """Return the Typer option of a setting, under a heading of the help where one is given."""
    about = _about(field)
    default = about.default
    if default is None and field.default is not None and field.annotation is not bool:
        default = str(field.default)
    bounds: dict[str, Any] = {
        bound: getattr(rule, key)
        for rule in field.metadata
        for key, bound in (("ge", "min"), ("le", "max"))
        if hasattr(rule, key)
    }
    flag, check = f"--{name.replace('_', '-')}", None
    if bounds.get("max", 0) > _MOST_SHOWN:  # the help has no room for such a bound
        check = _at_most(flag, bounds.pop("max"))
    return typer.Option(
        flag,
        help=field.description,
        show_default=default or False,
        metavar=about.metavar,
        parser=about.parse,
        callback=check,
        rich_help_panel=panel,
        **bounds,
    )


def _about(field: FieldInfo) -> Option:
    return next(rule for rule in field.metadata if isinstance(rule, Option))


def _at_most(option: str, most: int) -> Callable[[int | None], int | None]:
    """Return a callback that refuses values above a bound, in the words of Typer's own bounds."""

    def check(value: int | None) -> int | None:
        if value is not None and value > most:
            raise BadInput(f"{option} must be less than or equal to {most}, got '{value}'")
        return value

    return check


def _of_setting(name: str) -> Any:
    return _option(name, Settings.model_fields[name])


# --- of several commands -----------------------------------------------------------------------

StudyArgument = Annotated[
    str | None,
    typer.Argument(metavar="STUDY", help="Name of a study.", show_default="the one written last"),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|STUDY",
        help="A .keras file, a folder with a model.keras, or a study: its exported model, or else "
        "the best that is kept.",
    ),
]
StudiesDir = Annotated[Path, typer.Option("--studies-dir", help="Folder of the studies.")]
StorageOption = Annotated[str | None, _of_setting("storage")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DataOption = Annotated[Path | None, _of_setting("data")]
LabelsOption = Annotated[Path | None, _of_setting("labels")]
ImageSizeOption = Annotated[int | None, _of_setting("image_size")]
ResizeOption = Annotated[Literal["stretch", "fit", "crop"] | None, _of_setting("resize")]
SkipDamagedOption = Annotated[bool | None, _of_setting("skip_damaged")]
SeedOption = Annotated[int | None, _of_setting("seed")]

# --- of a command with all settings ------------------------------------------------------------


def takes_settings(kind: type[BaseModel]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each setting, in place of its last parameter.

    That is a dictionary of those that were given, with paths as text.

    Args:
        kind: the settings.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        *own, last = inspect.signature(command, eval_str=True).parameters.values()
        options = list(_parameters(kind))

        @wraps(command)
        def run(**values: Any) -> None:
            given = {each.name: values.pop(each.name) for each in options}
            command(**values, **{last.name: _given(given)})

        own = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        needed = [each for each in own if each.default is inspect.Parameter.empty]
        parameters = [*needed, *options, *(each for each in own if each not in needed)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _parameters(kind: type[BaseModel]) -> Iterator[inspect.Parameter]:
    """Yield a parameter for each setting that has an option."""
    for name, field in kind.model_fields.items():
        if any(isinstance(rule, Option) for rule in field.metadata):
            about = _about(field)
            value: Any = Path if about.path else field.annotation
            optional = Any if about.parse else value | None
            yield inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[optional, _option(name, field, about.panel)],
            )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if value is not None}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
