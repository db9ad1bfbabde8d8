"""The options that several commands share, each declared once.

A setting of a search has its default and its bounds from ``Settings``. Its option is None where it
was not given: then a study's own value holds, or the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel

from bcauto.cli.values import parse_duration, parse_keep
from bcauto.errors import BadInput
from bcauto.study.settings import SamplerName, Settings

__all__ = [
    "DEFAULT_SEED",
    "ConfirmLengthOption",
    "ConfirmOption",
    "ConfirmRepeatsOption",
    "DataOption",
    "EpochTimeoutOption",
    "ExecutorOption",
    "GpusPerTrialOption",
    "GroupsOption",
    "HypermodelOption",
    "ImageSizeOption",
    "InputScaleOption",
    "JsonFlag",
    "KeepOption",
    "LabelsOption",
    "LeaksOption",
    "PreferOption",
    "ProxyAddOption",
    "ProxyDataOption",
    "RayAddressOption",
    "ResizeOption",
    "SamplerOption",
    "SeedOption",
    "SkipDamagedOption",
    "SpaceOption",
    "StorageOption",
    "StudiesDir",
    "StudyArgument",
    "StudyOption",
    "TimeoutOption",
    "TrialsOption",
    "WeightsOption",
    "WorkersOption",
    "given_settings",
]

DEFAULT_SEED: int = Settings.model_fields["seed"].default

_HOUR = 3600  # seconds
_MOST_SHOWN = 10**6  # of an upper bound in the help


def _setting(name: str, text: str, default: str | None = None, **more: Any) -> Any:
    """Declare the option of a setting, with the default and the bounds that ``Settings`` has.

    Args:
        name: of the setting; the option has the same name.
        text: for the help.
        default: for the help, where the setting's own says too little.
        more: arguments of ``typer.Option``.
    """
    field = Settings.model_fields[name]
    if default is None and field.default is not None:
        default = str(field.default)
    bounds = {
        bound: getattr(rule, key)
        for rule in field.metadata
        for key, bound in (("ge", "min"), ("le", "max"))
        if hasattr(rule, key)
    }
    option = f"--{name.replace('_', '-')}"
    if bounds.get("max", 0) > _MOST_SHOWN:  # the help has no room for such a bound
        more["callback"] = _at_most(option, bounds.pop("max"))
    return typer.Option(option, help=text, show_default=default or False, **bounds, **more)


def _at_most(option: str, most: int) -> Callable[[int | None], int | None]:
    """Return a callback that refuses values above a bound, in the words of Typer's own bounds."""

    def check(value: int | None) -> int | None:
        if value is not None and value > most:
            raise BadInput(f"{option} must be less than or equal to {most}, got '{value}'")
        return value

    return check


# --- of every command --------------------------------------------------------------------------

StudyArgument = Annotated[
    str | None,
    typer.Argument(metavar="STUDY", help="Name of a study.", show_default="the one written last"),
]
StudiesDir = Annotated[Path, typer.Option("--studies-dir", help="Folder of the studies.")]
StorageOption = Annotated[
    str | None,
    typer.Option("--storage", help="Optuna storage URL.", show_default="the study's own"),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

# --- the data and the training -----------------------------------------------------------------

DataOption = Annotated[
    Path | None,
    _setting("data", "An .npz file, or a folder or zip of class folders.", "built-in cells"),
]
LabelsOption = Annotated[
    Path | None,
    _setting(
        "labels",
        "A CSV file with a row for each picture, its file and its label, where --data is a folder "
        "of pictures without class folders.",
    ),
]
GroupsOption = Annotated[
    str | None,
    _setting(
        "groups",
        "What makes groups of pictures that no split may part, such as patients: a CSV file "
        "(FILE or FILE:COLUMN), a column of the --labels file, an array of the .npz file, or a "
        "pattern for the files' names with one group, such as '(P[0-9]+)_'; none for no groups.",
        "folders between class and pictures, or the array groups",
        metavar="FILE|COLUMN|ARRAY|PATTERN|none",
    ),
]
ImageSizeOption = Annotated[
    int | None,
    _setting("image_size", "Side in px to resize images to.", "as in the data", metavar="N"),
]
ResizeOption = Annotated[
    Literal["stretch", "fit", "crop"] | None,
    _setting(
        "resize",
        "What becomes of pictures of another shape: all of each is stretched, or shown between "
        "borders, or its middle is shown.",
    ),
]
LeaksOption = Annotated[
    Literal["refuse", "drop"] | None,
    _setting(
        "leaks",
        "What to do with training images that are near duplicates of validation images, where the "
        "data comes split.",
    ),
]
SkipDamagedOption = Annotated[
    bool | None,
    _setting("skip_damaged", "Leave out pictures that cannot be read, and count them.", ""),
]
WeightsOption = Annotated[
    str | None,
    _setting(
        "weights",
        "Pretrained weights: imagenet, none, or a folder of <backbone>.weights.h5 files.",
        metavar="imagenet|none|DIR",
    ),
]
SeedOption = Annotated[int | None, _setting("seed", "Seed of everything random.", metavar="N")]

# --- the search --------------------------------------------------------------------------------

StudyOption = Annotated[
    str | None, typer.Option(help="Name of the study.", show_default="made of data and space")
]
SpaceOption = Annotated[
    str | None,
    _setting(
        "space",
        "Name of a space, or a .toml file.",
        "full with a GPU, else small; without --data quick",
        metavar="NAME|FILE",
    ),
]
HypermodelOption = Annotated[
    str | None,
    _setting(
        "hypermodel",
        "A KerasTuner HyperModel or build function, to search its own space together with what "
        "--space says of batch size, epochs and augmentation.",
        metavar="MODULE:NAME",
    ),
]
InputScaleOption = Annotated[
    Literal[1, 255] | None,
    _setting("input_scale", "Largest pixel value that the hypermodel takes."),
]
SamplerOption = Annotated[SamplerName | None, _setting("sampler", "How recipes are chosen.")]
TrialsOption = Annotated[
    int | None, _setting("trials", "Finished trials to reach in total.", metavar="N")
]
TimeoutOption = Annotated[
    float | None,
    _setting(
        "timeout",
        "Time for this run, such as 2h or 40m.",
        "no limit",
        metavar="TIME",
        parser=parse_duration,
    ),
]
EpochTimeoutOption = Annotated[
    float | None,
    _setting(
        "epoch_timeout",
        "Longest time for an epoch; a trial that takes longer is ended and tried again.",
        f"{Settings.model_fields['epoch_timeout'].default / _HOUR:g}h",
        metavar="TIME",
        parser=parse_duration,
    ),
]
WorkersOption = Annotated[
    int | None,
    _setting("workers", "Trials at a time.", "by GPUs, else cores up to 2", metavar="N"),
]
GpusPerTrialOption = Annotated[
    float | None,
    _setting("gpus_per_trial", "Share of a GPU for each trial, above 0.", metavar="SHARE"),
]
RayAddressOption = Annotated[
    str | None,
    _setting(
        "ray_address",
        "Ray cluster to run on: HOST:PORT, auto, or local to start Ray here.",
        metavar="ADDRESS",
    ),
]
ExecutorOption = Annotated[
    Literal["ray", "inline"] | None,
    _setting("executor", "What runs the trials; inline is this process, one trial at a time."),
]
ProxyDataOption = Annotated[
    Path | None,
    _setting(
        "proxy_data",
        "Labelled images like the hidden ones (.npz or class folders), to score trials on instead "
        "of corrupted images.",
    ),
]
ProxyAddOption = Annotated[
    Path | None,
    _setting("proxy_add", "Such images, to score trials on besides corrupted images."),
]
KeepOption = Annotated[
    Any,
    _setting("keep", "Best trials that keep their model.", metavar="N|all", parser=parse_keep),
]
ConfirmOption = Annotated[
    int | None,
    _setting(
        "confirm",
        "Best trials to train again on fresh seeds, 0 for none.",
        "as the space says",
        metavar="N",
    ),
]
ConfirmRepeatsOption = Annotated[
    int | None,
    _setting(
        "confirm_repeats", "How often to train each of them.", "as the space says", metavar="N"
    ),
]
ConfirmLengthOption = Annotated[
    float | None,
    _setting(
        "confirm_length", "How many times a trial's epochs.", "as the space says", metavar="X"
    ),
]
PreferOption = Annotated[
    Literal["best", "small"] | None,
    _setting(
        "prefer",
        "Which of them wins: the best mean, or the smallest model within one standard error.",
        "as the space says",
    ),
]


def given_settings(kind: type[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a command's options that were given and are settings, with paths as text.

    Args:
        kind: the settings, whose fields have the names of the options.
        options: values by name; None for what was not given.
    """
    given = {name: options[name] for name in kind.model_fields if options.get(name) is not None}
    return {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
