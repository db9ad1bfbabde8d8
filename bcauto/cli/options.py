"""The options that several commands share, each declared once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from bcauto.errors import BadInput

__all__ = [
    "DataOption",
    "JsonFlag",
    "StorageOption",
    "StudiesDir",
    "StudyArgument",
    "only_given",
    "parse_duration",
    "parse_keep",
]

StudyArgument = Annotated[
    str | None, typer.Argument(metavar="[STUDY]", help="Name; default: the study written last.")
]
StudiesDir = Annotated[Path, typer.Option("--studies-dir", help="Folder of the studies.")]
StorageOption = Annotated[
    str | None,
    typer.Option("--storage", help="Optuna storage URL; default: the study's own."),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="An .npz file, or a folder of class folders.")
]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(text: str) -> float:
    """Seconds of a duration such as ``2h``, ``1h30m``, ``90s`` or ``90``.

    Raises:
        BadInput: the text is none, or nothing.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise BadInput(f"--timeout must be a time such as 2h, 1h30m, 40m or 90s, got {text!r}")
    return total


def parse_keep(text: str) -> int | str:
    """How many trials keep their model: a whole number, or ``all``.

    Raises:
        BadInput: neither.
    """
    if text == "all":
        return text
    if not text.isdigit() or int(text) < 1:
        raise BadInput(f"--keep must be a whole number above 0, or all, got {text!r}")
    return int(text)


def only_given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
