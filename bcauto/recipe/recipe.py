"""A recipe: one point of the search space, everything that one training needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from bcauto.augment.policies import Augment
from bcauto.errors import did_you_mean
from bcauto.io.toml import Frozen, checked, merged, read_extending, to_toml
from bcauto.recipe.bundled_files import find_bundled
from bcauto.recipe.network import Freezing, Hypermodel, Network

__all__ = [
    "Hypermodel",
    "Network",
    "Recipe",
    "Training",
    "TrainingStage",
    "changed_recipe",
    "find_recipe",
    "read_recipe",
    "replaced_by_changes",
]

Rate = Annotated[float, Field(gt=0, le=1)]


class TrainingStage(Freezing):
    """Some epochs with so much of the backbone frozen; by default as ``model`` says it.

    The rate is by default the training's: ``head_learning_rate`` while the whole backbone is
    frozen, ``learning_rate`` after that.
    """

    epochs: int = Field(ge=1, le=1000)
    learning_rate: Rate | None = None
    batch_size: int | None = Field(None, ge=1, le=4096)


def _only_with(field: str, value: str, default: Any, otherwise: Any = None) -> Any:
    """The default of a field that belongs to one value of another field, above it."""
    return lambda above: default if above.get(field) == value else otherwise


class Training(Frozen):
    """Two stages: the head on the frozen backbone, then the layers above the frozen ones.

    ``stages``, where there are any, take their place, and all that they say must be left out. A
    backbone without pretrained weights has no stage that freezes it: it trains whole from the
    start. Each stage has an optimizer of its own, and its schedule, plateaus and best weights start
    anew.

    What ``monitor`` names is looked at after every epoch. The objective there is the score on the
    proxy's probe, a part of the very images that score the trial, so that a trial that picks its
    epochs by it looks a little better than it is. Its confirmation, on corruptions drawn anew,
    shows by how much.
    """

    optimizer: Literal["adam", "adamw", "lion", "sgd"] = Field(
        "adam", description="Keras' own; sgd has a Nesterov momentum of 0.9"
    )
    weight_decay: float = Field(
        default_factory=_only_with("optimizer", "adamw", 0.004, otherwise=0.0),
        ge=0,
        le=10,
        description="decoupled: each step takes this times the rate off every weight but biases "
        "and norms; adam takes none, with it it is adamw",
    )
    gradient_clipping: float = Field(
        0.0, ge=0, le=1e6, description="greatest norm of all gradients together; 0: any"
    )
    batch_size: int = Field(32, ge=1, le=4096)
    head_epochs: int = Field(2, ge=0, le=1000)
    head_learning_rate: Rate = 1e-3
    epochs: int = Field(10, ge=1, le=1000, description="of fine-tuning")
    learning_rate: Rate = Field(1e-4, description="of fine-tuning, at its highest")
    schedule: Literal["cosine", "exponential", "reduce_on_plateau", "constant"] = "cosine"
    decay_to: float = Field(
        0.05, gt=0, le=1, description="share of the rate where cosine and exponential decay end"
    )
    plateau_patience: int | None = Field(
        default_factory=_only_with("schedule", "reduce_on_plateau", 3),
        ge=1,
        le=1000,
        description="epochs without a better score after which the rate is reduced",
    )
    plateau_factor: float | None = Field(
        default_factory=_only_with("schedule", "reduce_on_plateau", 0.5),
        gt=0,
        lt=1,
        description="what the rate is then multiplied by",
    )
    warmup: float = Field(
        0.0, ge=0, le=0.9, description="share of a stage's steps in which the rate rises from 0"
    )
    monitor: Literal["objective", "accuracy", "auc"] = Field(
        "objective",
        description="what plateaus, early stopping and best weights go by: the score on the "
        "probe, or one on the clean validation images",
    )
    early_stopping: int = Field(
        0, ge=0, le=1000, description="epochs without a better score that end a stage; 0: none do"
    )
    restore_best: bool = Field(False, description="a stage ends with the weights of its best epoch")
    loss: Literal["crossentropy", "focal"] = "crossentropy"
    focal_gamma: float | None = Field(
        default_factory=_only_with("loss", "focal", 2.0),
        ge=0,
        le=5,
        description="how much less what is nearly right counts (Lin et al. 2017)",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label that is spread evenly over all classes"
    )
    balance: Literal["none", "class_weight", "oversample"] = Field(
        "none",
        description="class_weight: every class weighs the same in the loss, however rare; "
        "oversample: images of rare classes come several times an epoch, each augmented anew",
    )
    oversample_to: int | None = Field(
        default_factory=_only_with("balance", "oversample", 0),
        ge=0,
        le=10**6,
        description="images of each class in an epoch, at least; 0: as many as of the largest",
    )
    stages: tuple[TrainingStage, ...] = Field(
        (), description="of gradual unfreezing, in place of head_epochs and epochs"
    )

    @model_validator(mode="after")
    def _has_no_idle_fields(self) -> Training:
        if self.optimizer == "adam" and self.weight_decay:
            raise ValueError(
                f"weight_decay must be 0 with optimizer 'adam', which with it is 'adamw', "
                f"got {self.weight_decay}"
            )
        for field, (owner, value) in _BELONGS_TO.items():
            given, used = getattr(self, field) is not None, getattr(self, owner) == value
            if given and not used:
                rule = f"{field} goes with {owner} = {value!r} only"
                raise ValueError(f"{rule}, got {getattr(self, owner)!r}")
            if used and not given:
                raise ValueError(f"{field} must be a number with {owner} = {value!r}, got None")
        return self

    @property
    def all_epochs(self) -> int:
        """Epochs of all stages, where none stops early."""
        two = self.head_epochs + self.epochs
        return sum(stage.epochs for stage in self.stages) if self.stages else two


_BELONGS_TO = {
    "plateau_patience": ("schedule", "reduce_on_plateau"),
    "plateau_factor": ("schedule", "reduce_on_plateau"),
    "focal_gamma": ("loss", "focal"),
    "oversample_to": ("balance", "oversample"),
}
"""The fields that one value of another field makes use of; with any other they are None."""


_SAID_BY_STAGES = {
    ("learning_rate",): ("training.learning_rate", "training.head_learning_rate"),
    ("batch_size",): ("training.batch_size",),
    tuple(Freezing.model_fields): tuple(f"model.{name}" for name in Freezing.model_fields),
}
"""Keys of which a stage has one of its own, and those of the recipe that are then not used."""


def replaced_by_stages(stages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The recipe's keys, with dots, that have no effect beside such stages.

    Each stage says its epochs; what every one of them says besides is not looked up elsewhere.
    """
    replaced = ["training.epochs", "training.head_epochs"] if stages else []
    for own, keys in _SAID_BY_STAGES.items():
        if stages and all(any(stage.get(key) is not None for key in own) for stage in stages):
            replaced += keys
    return tuple(replaced)


_FOR_HYPERMODELS = (
    "batch_size",
    "epochs",
    "monitor",
    "early_stopping",
    "restore_best",
    "balance",
    "oversample_to",
)
"""What is said of a hypermodel's training; the rest is its own, from the ``compile`` in it."""


def _kind(model: Any) -> str:
    hypermodel = isinstance(model, Hypermodel) or (
        isinstance(model, dict) and "hypermodel" in model
    )
    return "Hypermodel" if hypermodel else "Network"


class Recipe(Frozen):
    """Model, training and augmentation of one trial; equal recipes have equal fingerprints."""

    model: Annotated[
        Annotated[Network, Tag("Network")] | Annotated[Hypermodel, Tag("Hypermodel")],
        Discriminator(_kind),
    ]
    training: Training = Training()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _stages_freeze_layers_that_are_there(self) -> Recipe:
        if isinstance(self.model, Hypermodel):
            return self
        for number, stage in enumerate(self.training.stages):
            try:
                stage.check_fits(self.model.entry)
            except ValueError as error:
                raise ValueError(f"training.stages.{number}: {error}") from None
        return self

    @model_validator(mode="after")
    def _has_nothing_that_stages_replace(self) -> Recipe:
        if isinstance(self.model, Hypermodel):
            return self
        for key in replaced_by_stages([stage.model_dump() for stage in self.training.stages]):
            table, name = key.split(".")
            part: Network | Training = getattr(self, table)
            got = getattr(part, name)
            if got != type(part).model_fields[name].default:
                rule = f"{key} must be left out beside training.stages, which say it themselves"
                raise ValueError(f"{rule}, got {got}")
        return self

    @model_validator(mode="after")
    def _leaves_a_hypermodel_its_own_training(self) -> Recipe:
        if not isinstance(self.model, Hypermodel):
            return self
        shared = {name: getattr(self.training, name) for name in _FOR_HYPERMODELS}
        plain = Training(**shared)
        for name in Training.model_fields:
            got = getattr(self.training, name)
            if got != getattr(plain, name):
                rule = f"training.{name} belongs to the hypermodel's own compile"
                raise ValueError(f"{rule}, got {got!r}; {did_you_mean(name, _FOR_HYPERMODELS)}")
        if self.training.balance == "class_weight":
            raise ValueError("training.balance of a hypermodel must be none or oversample")
        return self

    def all_epochs(self, pretrained: bool) -> int:
        """Epochs of the whole training, where nothing stops early.

        Without pretrained weights, as in a hypermodel, no stage trains the head alone.
        """
        training = self.training
        if pretrained:
            return training.all_epochs
        whole = [stage.epochs for stage in training.stages if stage.trainable_layers != 0]
        return sum(whole) or (training.stages[-1] if training.stages else training).epochs

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over every value, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_toml(self) -> str:
        """The recipe as a TOML document that ``read_recipe`` reads back."""
        own = isinstance(self.model, Hypermodel)
        idle = Training.model_fields.keys() - set(_FOR_HYPERMODELS) if own else set()
        return to_toml(self, exclude={"training": idle})


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path (ends in ``.toml``) or by name.

    Raises:
        BadInput: no recipe of that name.
    """
    return find_bundled("recipe", name)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file, or in one that changes some lines of another.

    ``extends`` names the other: one that ships with bcauto, or a ``.toml`` file from the file's
    folder. Tables merge key by key, lists are taken whole; stages take the place of all that has
    no effect beside them.

    Raises:
        BadInput: a file cannot be read, or a value breaks a rule.
    """
    return checked(Recipe, read_extending(Recipe, path, find_recipe, changed_recipe), path)


def changed_recipe(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The raw table of a recipe, or of a part of one, that extends ``base`` by ``changes``."""
    replaced = replaced_by_changes(changes)
    left = {
        table: {key: value for key, value in part.items() if f"{table}.{key}" not in replaced}
        if isinstance(part, dict)
        else part
        for table, part in base.items()
    }
    return merged(left, changes)


def replaced_by_changes(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that stages take the place of, where a raw table of a recipe brings stages."""
    training = changes.get("training")
    stages = training.get("stages") if isinstance(training, dict) else None
    tables = isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages)
    return replaced_by_stages(stages) if stages and tables else ()
