"""``study.toml``: the settings of a study, and the fingerprints that it refuses to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bcauto.errors import BadInput
from bcauto.io.files import atomic_write
from bcauto.io.toml import Frozen, checked, read_toml, to_toml
from bcauto.study.effort import Effort
from bcauto.study.folder import StudyFolder
from bcauto.study.option import DATA, MACHINE, PROXY, SEARCH, STUDY, TRAINING, Option
from bcauto.study.values import parse_duration, parse_keep

if TYPE_CHECKING:  # the command line's help reads the defaults, and space.py takes half a second
    from bcauto.space.space import Confirmation

__all__ = [
    "OWN_STORAGE",
    "DataRecord",
    "DataSettings",
    "Identity",
    "SamplerName",
    "Settings",
    "StudyRecord",
]

SamplerName = Literal["tpe", "random", "cmaes", "gp", "grid"]
"""How recipes are chosen: ``grid`` takes every point of a finite space in turn, the others are
Optuna's samplers."""

OWN_STORAGE = "study.db"
"""The SQLite file in the study's folder, wherever that folder is moved."""

_SPACE = "as the space says"
_DURATION = BeforeValidator(
    lambda value: parse_duration(value) if isinstance(value, str) else value
)
"""Takes also a time such as ``2h``."""
_KEEP = BeforeValidator(lambda value: parse_keep(str(value)))


class DataSettings(Frozen):
    """What every training begins with: the data set, how it is read and split, and the weights."""

    data: Annotated[str | None, Option(DATA, default="built-in cells", path=True)] = Field(
        None, description="An .npz file, or a folder or zip of class folders."
    )
    labels: Annotated[str | None, Option(DATA, path=True)] = Field(
        None,
        description="A CSV file with a row for each picture, its file and its label, where --data "
        "is a folder of pictures without class folders.",
    )
    groups: Annotated[
        str | None,
        Option(
            DATA,
            "FILE|COLUMN|ARRAY|PATTERN|none",
            "folders between class and pictures, or the array groups",
        ),
    ] = Field(
        None,
        description="What makes groups of pictures that no split may part, such as patients: a CSV "
        "file (FILE or FILE:COLUMN), a column of the --labels file, an array of the .npz file, or "
        "a pattern for the files' names with one group, such as '(P[0-9]+)_'; none for no groups.",
    )
    image_size: Annotated[int | None, Option(DATA, "N", "as in the data")] = Field(
        None, ge=8, le=4096, description="Side in px to resize images to."
    )
    resize: Annotated[Literal["stretch", "fit", "crop"], Option(DATA)] = Field(
        "stretch",
        description="What becomes of pictures of another shape: all of each is stretched, or shown "
        "between borders, or its middle is shown.",
    )
    leaks: Annotated[Literal["refuse", "drop"], Option(DATA)] = Field(
        "refuse",
        description="What to do with training images that are near duplicates of validation "
        "images, where the data comes split.",
    )
    skip_damaged: Annotated[bool, Option(DATA)] = Field(
        False, description="Leave out pictures that cannot be read, and count them."
    )
    weights: Annotated[str, Option(TRAINING, "imagenet|none|DIR")] = Field(
        "imagenet",
        description="Pretrained weights: imagenet, none, or a folder of <backbone>.weights.h5 "
        "files.",
    )
    seed: Annotated[int, Option(TRAINING, "N")] = Field(
        0, ge=0, le=2**63 - 1, description="Seed of everything random."
    )

    @model_validator(mode="after")
    def _labels_and_groups_go_with_data(self) -> Self:
        if self.labels and not self.data:
            raise ValueError(
                f"--labels goes with --data, its folder of pictures, got {self.labels}"
            )
        if self.groups and not self.data:
            raise ValueError(f"--groups goes with --data, got {self.groups}")
        return self


class Settings(DataSettings):
    """The settings of a search; a later search of the study takes those that it is not given."""

    space: Annotated[
        str, Option(SEARCH, "NAME|FILE", "full with a GPU, else small; without --data quick")
    ] = Field(description="Name of a space, or a .toml file.")
    effort: Annotated[Effort | None, Option(SEARCH, default="each by itself")] = Field(
        None,
        description="How much to spend, where the other options do not say it: quick (12 trials), "
        "good (60), best (200, five of them trained again for longer, and an ensemble offered).",
    )
    trials: Annotated[int, Option(SEARCH, "N")] = Field(
        100, ge=1, le=10**9, description="Finished trials to reach in total."
    )
    timeout: Annotated[
        float | None, _DURATION, Option(SEARCH, "TIME", "no limit", parse_duration)
    ] = Field(None, gt=0, description="Time for this run, such as 2h or 40m.")
    sampler: Annotated[SamplerName, Option(SEARCH)] = Field(
        "tpe", description="How recipes are chosen."
    )
    confirm: Annotated[int | None, Option(SEARCH, "N", _SPACE)] = Field(
        None, ge=0, le=100, description="Best trials to train again on fresh seeds, 0 for none."
    )
    confirm_repeats: Annotated[int | None, Option(SEARCH, "N", _SPACE)] = Field(
        None, ge=1, le=20, description="How often to train each of them."
    )
    confirm_length: Annotated[float | None, Option(SEARCH, "X", _SPACE)] = Field(
        None, ge=1, le=100, description="How many times a trial's epochs."
    )
    prefer: Annotated[Literal["best", "small"] | None, Option(SEARCH, default=_SPACE)] = Field(
        None,
        description="Which of them wins: the best mean, or the smallest model within one standard "
        "error.",
    )
    hypermodel: Annotated[str | None, Option(SEARCH, "MODULE:NAME")] = Field(
        None,
        description="A KerasTuner HyperModel or build function, to search its own space together "
        "with what --space says of batch size, epochs and augmentation.",
    )
    hypermodel_folder: str | None = Field(None, description="Its module may lie there.")
    input_scale: Annotated[Literal[1, 255], Option(SEARCH)] = Field(
        255, description="Largest pixel value that the hypermodel takes."
    )
    proxy_data: Annotated[str | None, Option(PROXY, path=True)] = Field(
        None,
        description="Labelled images like the hidden ones (.npz or class folders), to score trials "
        "on instead of corrupted images.",
    )
    proxy_add: Annotated[str | None, Option(PROXY, path=True)] = Field(
        None, description="Such images, to score trials on besides corrupted images."
    )
    workers: Annotated[int | None, Option(MACHINE, "N", "by GPUs, else cores up to 2")] = Field(
        None, ge=1, le=10_000, description="Trials at a time."
    )
    gpus_per_trial: Annotated[float, Option(MACHINE, "SHARE")] = Field(
        1.0, gt=0, le=1, description="Share of a GPU for each trial, above 0."
    )
    executor: Annotated[Literal["ray", "inline"], Option(MACHINE)] = Field(
        "ray",
        description="What runs the trials; inline is this process, one trial at a time.",
    )
    ray_address: Annotated[str, Option(MACHINE, "ADDRESS")] = Field(
        "local",
        description="Ray cluster to run on: HOST:PORT, auto, or local to start Ray here.",
    )
    epoch_timeout: Annotated[float, _DURATION, Option(MACHINE, "TIME", "2h", parse_duration)] = (
        Field(
            7200.0,
            gt=0,
            description="Longest time for an epoch; a trial that takes longer is ended and tried "
            "again.",
        )
    )
    keep: Annotated[int | Literal["all"], _KEEP, Option(STUDY, "N|all", parse=parse_keep)] = Field(
        5, description="Best trials that keep their model."
    )
    storage: Annotated[str, Option(STUDY, default="the study's own")] = Field(
        OWN_STORAGE, description="Optuna storage URL."
    )

    def confirmation(self, space: Confirmation) -> Confirmation:
        """What follows the search: as the user gave it, or else as the space says."""
        given = {
            "top": self.confirm,
            "repeats": self.confirm_repeats,
            "length": self.confirm_length,
            "prefer": self.prefer,
        }
        return space.model_copy(update={k: v for k, v in given.items() if v is not None})

    def storage_url(self, folder: StudyFolder, given: str | None = None) -> str:
        """Return where the trials are: the URL given (with its password), or the study's own."""
        own = self.storage == OWN_STORAGE
        return given or (folder.default_storage if own else self.storage)

    @model_validator(mode="after")
    def _one_set_of_own_images(self) -> Settings:
        if self.proxy_data and self.proxy_add:
            got = f"got {self.proxy_data} and {self.proxy_add}"
            raise ValueError(f"--proxy-data and --proxy-add exclude each other, {got}")
        return self

    @model_validator(mode="after")
    def _scales_a_hypermodel_only(self) -> Settings:
        if self.input_scale != 255 and not self.hypermodel:
            raise ValueError(f"--input-scale goes with --hypermodel only, got {self.input_scale}")
        return self


class DataRecord(Frozen):
    """What is known of the data without opening it."""

    fingerprint: str
    class_names: tuple[str, ...]
    train: int
    val: int
    image_size: tuple[int, int]
    bits: int | None = Field(
        None, ge=8, le=16, description="of files of 16 bits, if there were any"
    )
    cleaning: dict[str, Any]


class Identity(Frozen):
    """What makes two searches the same study."""

    data: str
    groups: str = "none"
    space: str
    hypermodel: str = "none"
    input_scale: int = 255
    proxy: str
    own_images: str = "none"
    seed: int
    weights: str
    storage: str

    def check_same(self, now: Identity, name: str) -> None:
        """Check that a search goes on with what the study ``name`` was begun with.

        Raises:
            BadInput: it does not; the message names what differs.
        """
        differing = "; ".join(self._differences(now))
        if differing:
            raise BadInput(
                f"study {name!r} was begun with something else: {differing}. "
                "Give the same again, or begin another study with --study NAME"
            )

    def _differences(self, other: Identity) -> Iterator[str]:
        other_split = self.seed != other.seed or self.groups != other.groups
        follow = {"data", "proxy"} if other_split else set()
        for name in Identity.model_fields:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and name not in follow:
                yield f"{name.replace('_', ' ')} (study: {_short(mine)}, now: {_short(theirs)})"


class StudyRecord(Frozen):
    """All that ``study.toml`` holds."""

    settings: Settings
    identity: Identity
    data: DataRecord
    versions: dict[str, str]

    def write(self, folder: StudyFolder) -> None:
        """Write ``study.toml``, whole or not at all."""
        with atomic_write(folder.record) as partial:
            partial.write_text(to_toml(self), encoding="utf-8")

    @classmethod
    def read(cls, folder: StudyFolder) -> StudyRecord:
        """Read ``study.toml``.

        Raises:
            BadInput: it is missing or damaged.
        """
        return checked(cls, read_toml(folder.record), folder.record)


def _short(value: object) -> str:
    text = str(value)
    return f"fingerprint {text[:12]}" if len(text) == 64 else text  # a SHA-256 in hex
