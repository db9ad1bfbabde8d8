"""``study.toml``: the settings of a study, and the fingerprints that it refuses to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from bcauto.errors import BadInput
from bcauto.io.files import atomic_write
from bcauto.io.toml import Frozen, checked, read_toml, to_toml
from bcauto.study.folder import StudyFolder

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


class DataSettings(Frozen):
    """What every training begins with: the data set, how it is read and split, and the weights."""

    data: str | None = Field(None, description="path of the data; None means the built-in cells")
    labels: str | None = Field(None, description="file of labels beside a folder of pictures")
    groups: str | None = Field(
        None, description="what no split may part: a file, a column, an array, a pattern, or none"
    )
    image_size: int | None = Field(None, ge=8, le=4096, description="side in px")
    resize: Literal["stretch", "fit", "crop"] = Field(
        "stretch", description="what becomes of pictures of another shape"
    )
    leaks: Literal["refuse", "drop"] = Field(
        "refuse", description="training images that nearly equal the data's own validation images"
    )
    skip_damaged: bool = Field(False, description="leave out pictures that cannot be read")
    weights: str = Field("imagenet", description="imagenet, none, or a folder of weights")
    seed: int = Field(0, ge=0, le=2**63 - 1)

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

    proxy_data: str | None = Field(
        None, description="path of images like the hidden ones, in place of corrupted images"
    )
    proxy_add: str | None = Field(None, description="path of such images, besides corrupted ones")
    space: str
    hypermodel: str | None = Field(None, description="KerasTuner's, as package.module:Name")
    hypermodel_folder: str | None = Field(None, description="its module may lie there")
    input_scale: Literal[1, 255] = Field(255, description="what a hypermodel takes pixels up to")
    storage: str = Field(
        OWN_STORAGE, description="Optuna storage URL without its password, or the study's own"
    )
    sampler: SamplerName = "tpe"
    trials: int = Field(100, ge=1, le=10**9)
    timeout: float | None = Field(None, gt=0, description="seconds, of one run of the search")
    workers: int | None = Field(None, ge=1, le=10_000)
    gpus_per_trial: float = Field(
        1.0, gt=0, le=1, description="share of one, where there is a GPU; a trial trains on one"
    )
    epoch_timeout: float = Field(
        7200.0, gt=0, description="seconds in which a trial ends an epoch, or counts as hanging"
    )
    executor: Literal["ray", "inline"] = "ray"
    ray_address: str = "local"
    keep: int | Literal["all"] = 5
    confirm: int | None = Field(
        None, ge=0, le=100, description="best trials to train again; None: as the space says"
    )
    confirm_repeats: int | None = Field(None, ge=1, le=20, description="of each; None: likewise")
    confirm_length: float | None = Field(
        None, ge=1, le=100, description="times the epochs of a trial; None: likewise"
    )
    prefer: Literal["best", "small"] | None = Field(
        None, description="of those that were trained again; None: likewise"
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
