"""The options that several commands share, each declared once."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bcauto.errors import BadInput

__all__ = [
    "ConfirmOption",
    "ConfirmRepeatsOption",
    "DataOption",
    "EpochTimeoutOption",
    "ExecutorOption",
    "GpusPerTrialOption",
    "HypermodelOption",
    "ImageSizeOption",
    "InputScaleOption",
    "JoinFlag",
    "JsonFlag",
    "KeepOption",
    "LeaksOption",
    "ProxyAddOption",
    "ProxyDataOption",
    "RayAddressOption",
    "SamplerOption",
    "SeedOption",
    "SpaceOption",
    "StorageOption",
    "StudiesDir",
    "StudyArgument",
    "StudyOption",
    "TimeoutOption",
    "TrialsOption",
    "WeightsOption",
    "WorkersOption",
    "check_none_empty",
    "only_given",
    "parse_duration",
    "parse_keep",
    "parse_number",
    "parse_seed",
    "parse_whole",
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

_NUMBER = r"(\d+(?:\.\d+)?)"
SpaceOption = Annotated[
    str | None, typer.Option(help="A space's name, or a .toml file.", metavar="NAME|FILE")
]
HypermodelOption = Annotated[
    str | None,
    typer.Option(
        help="A KerasTuner HyperModel or build function, whose own space is searched with what"
        " --space says of batch size, epochs and augmentation.",
        metavar="MODULE:NAME",
    ),
]
InputScaleOption = Annotated[
    str | None,
    typer.Option(
        "--input-scale",
        help="What a hypermodel takes pixels up to, 1 or 255. [default: 255]",
        metavar="1|255",
    ),
]
TrialsOption = Annotated[
    str | None,
    typer.Option(help="Finished trials to reach in total. [default: 100]", metavar="N"),
]
TimeoutOption = Annotated[
    str | None, typer.Option(help="Time for this run, such as 2h or 40m.", metavar="TIME")
]
EpochTimeoutOption = Annotated[
    str | None,
    typer.Option(
        "--epoch-timeout",
        help="A trial that ends no epoch for so long is ended, and tried again. [default: 2h]",
        metavar="TIME",
    ),
]
JoinFlag = Annotated[
    bool,
    typer.Option("--join", help="Search a study together with a process that searches it already."),
]
StudyOption = Annotated[
    str | None, typer.Option(help="Its name. [default: made of data and space]")
]
WorkersOption = Annotated[
    str | None,
    typer.Option(help="Trials at a time. [default: by GPUs, else cores up to 2]", metavar="N"),
]
GpusPerTrialOption = Annotated[
    str | None,
    typer.Option(help="Share of a GPU for each trial. [default: 1]", metavar="SHARE"),
]
RayAddressOption = Annotated[
    str | None, typer.Option(help="A Ray cluster to run on. [default: a Ray of our own]")
]
ExecutorOption = Annotated[
    Literal["ray", "inline"] | None, typer.Option(help="What runs the trials. [default: ray]")
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="Pretrained weights: imagenet, none, or a folder of <backbone>.weights.h5 files."
        " [default: imagenet]",
        metavar="imagenet|none|DIR",
    ),
]
ImageSizeOption = Annotated[
    str | None,
    typer.Option(help="Side in px to resize to. [default: as the data has it]", metavar="N"),
]
LeaksOption = Annotated[
    Literal["refuse", "drop"] | None,
    typer.Option(
        help="What becomes of training images that are near duplicates of the validation images"
        " that the data brings. [default: refuse]"
    ),
]
ProxyDataOption = Annotated[
    Path | None,
    typer.Option(
        "--proxy-data",
        help="Labelled images like the hidden ones (.npz or class folders), to score trials on in"
        " place of corrupted images.",
    ),
]
ProxyAddOption = Annotated[
    Path | None,
    typer.Option("--proxy-add", help="Such images, to score trials on besides corrupted ones."),
]
SamplerOption = Annotated[
    Literal["tpe", "random", "cmaes", "gp", "grid"] | None,
    typer.Option(help="How recipes are chosen. [default: tpe]"),
]
SeedOption = Annotated[
    str | None, typer.Option(help="Of everything random. [default: 0]", metavar="N")
]
KeepOption = Annotated[
    str | None,
    typer.Option(help="Best trials that keep their model. [default: 5]", metavar="N|all"),
]

ConfirmOption = Annotated[
    str | None,
    typer.Option(
        help="Best trials to train again on fresh seeds, 0 for none. [default: 3; quick 2]",
        metavar="N",
    ),
]
ConfirmRepeatsOption = Annotated[
    str | None,
    typer.Option(help="How often each of them. [default: 2; quick 1]", metavar="N"),
]

_DURATION = re.compile(f"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?|{_NUMBER}")
_UNITS = (3600, 60, 1, 1)  # of the four numbers, in seconds


def parse_duration(option: str, text: str | None) -> float | None:
    """Seconds of a duration such as ``2h``, ``1h30m``, ``90s`` or ``90``.

    Raises:
        BadInput: the text is none, or nothing.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip().lower())
    parts = match.groups() if match else (0,) * len(_UNITS)
    total = sum(unit * float(part or 0) for unit, part in zip(_UNITS, parts, strict=True))
    if not 0 < total < math.inf:
        raise BadInput(f"{option} must be a time such as 2h, 1h30m, 40m or 90s, got {text!r}")
    return total


def parse_keep(text: str) -> int | Literal["all"]:
    """How many trials keep their model: a whole number, or ``all``.

    Raises:
        BadInput: neither.
    """
    if text == "all":
        return "all"
    number = parse_number(text) if text.isascii() and text.isdecimal() else None
    if not isinstance(number, int) or number < 1:
        raise BadInput(f"--keep must be a whole number above 0, or all, got {text!r}")
    return number


def parse_number(text: str | None) -> int | float | str | None:
    """A number where the text is one; else the text, for the settings' own check to refuse."""
    if text is None:
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def parse_whole(option: str, text: str, least: int, most: int) -> int:
    """The whole number that ``text`` is.

    Raises:
        BadInput: it is none, or not from ``least`` to ``most``; the message names ``option``.
    """
    number = parse_number(text)
    if not isinstance(number, int) or not least <= number <= most:
        raise BadInput(f"{option} must be a whole number from {least} to {most}, got {text!r}")
    return number


def parse_seed(text: str | None) -> int:
    """The seed of a command that has no settings to check it; 0 where none is given.

    Raises:
        BadInput: the text is no whole number from 0 to 2**63 - 1.
    """
    return parse_whole("--seed", "0" if text is None else text, 0, 2**63 - 1)


def check_none_empty(arguments: Sequence[str]) -> None:
    """Makes sure that no argument of a command line is empty, as an unset variable makes it.

    Here, since ``Path("")`` is the current folder, and no option says later what it was.

    Raises:
        BadInput: one is; the message names the option before it.
    """
    for before, argument in pairwise(["", *arguments]):
        option = before if not argument else argument.removesuffix("=")
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            where = f"{option} " if option.startswith("-") else ""
            raise BadInput(f"no argument may be empty, got {where}''")


def only_given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
