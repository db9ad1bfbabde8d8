"""A recipe's training: optimizer, epochs, schedule, loss, stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bcauto.io.toml import Frozen
from bcauto.recipe.network import Freezing

__all__ = ["Training", "TrainingStage", "replaced_by_stages"]

_MOST_EPOCHS = 1000

Rate = Annotated[float, Field(gt=0, le=1)]


class TrainingStage(Freezing):
    """Some epochs with a part of the backbone frozen, by default the part that ``model`` freezes.

    The rate is by default ``head_learning_rate`` while the whole backbone is frozen, and
    ``learning_rate`` after that.
    """

    epochs: int = Field(ge=1, le=_MOST_EPOCHS)
    learning_rate: Rate | None = None
    batch_size: int | None = Field(None, ge=1, le=4096)


def _only_with(field: str, value: str, default: Any, otherwise: Any = None) -> Any:
    """Return the default of a field that goes with one value of another field above it."""
    return lambda above: default if above.get(field) == value else otherwise


class Training(Frozen):
    """Two stages: the head on the frozen backbone, then the layers above the frozen ones.

    ``stages`` replace them; what they set must be left out elsewhere. A backbone without pretrained
    weights has no stage that freezes it: it trains whole from the start. Each stage has its own
    optimizer, and its schedule, plateaus, best and averaged weights start anew.

    ``monitor`` is read after every epoch. The objective there is the score on the proxy's probe, a
    part of the images that score the trial, so a trial that picks its epochs by it scores a little
    too well. Its confirmation, on newly sampled corruptions, shows by how much.
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
    head_epochs: int = Field(2, ge=0, le=_MOST_EPOCHS)
    head_learning_rate: Rate = 1e-3
    epochs: int = Field(10, ge=1, le=_MOST_EPOCHS, description="of fine-tuning")
    learning_rate: Rate = Field(1e-4, description="of fine-tuning, at its highest")
    rate_factor: float = Field(
        1.0,
        gt=0,
        le=1000,
        exclude_if=lambda factor: (
            factor == 1
        ),  # as stored recipes are, or fingerprints would change
        description="multiplies every rate, so that one dimension of a space serves backbones and "
        "optimizers whose rates differ",
    )
    schedule: Literal["cosine", "exponential", "reduce_on_plateau", "constant"] = "cosine"
    decay_to: float = Field(
        0.05, gt=0, le=1, description="share of the rate where cosine and exponential decay end"
    )
    plateau_patience: int | None = Field(
        default_factory=_only_with("schedule", "reduce_on_plateau", 3),
        ge=1,
        le=_MOST_EPOCHS,
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
        0,
        ge=0,
        le=_MOST_EPOCHS,
        description="epochs without a better score that end a stage; 0: none do",
    )
    restore_best: bool = Field(False, description="a stage ends with the weights of its best epoch")
    weight_average: float = Field(
        0.0,
        ge=0,
        lt=1,
        exclude_if=lambda decay: decay == 0,  # likewise
        description="each epoch is scored, and a stage ends, with a moving average of the weights "
        "and BatchNorm's statistics, of which a step keeps this share; 0: with those of the last "
        "step",
    )
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

    def longer(self, length: float) -> Training:
        """Return the training with ``length`` times the epochs, at most 1000.

        ``head_epochs`` stay as they are; listed ``stages`` all grow. Early stopping and plateaus
        wait for so many times the epochs, too.
        """
        stages = [
            stage.model_copy(update={"epochs": min(round(length * stage.epochs), _MOST_EPOCHS)})
            for stage in self.stages
        ]
        changes: dict[str, Any] = {"stages": tuple(stages)}
        for name in ("epochs", "early_stopping", "plateau_patience"):
            if value := getattr(self, name):
                changes[name] = min(round(length * value), _MOST_EPOCHS)
        if self.stages:
            del changes["epochs"]  # which the stages replace
        return self.model_copy(update=changes)

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
"""Fields that go with one value of another field; with other values they are None."""


_SET_BY_STAGES = {
    ("learning_rate",): ("training.learning_rate", "training.head_learning_rate"),
    ("batch_size",): ("training.batch_size",),
    tuple(Freezing.model_fields): tuple(f"model.{name}" for name in Freezing.model_fields),
}
"""Keys of a stage, and the recipe's keys that have no effect if every stage has one of them."""


def replaced_by_stages(stages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the recipe's dotted keys that have no effect beside stages.

    Every stage has its epochs; any other key that all of them set is not read elsewhere either.
    """
    replaced = ["training.epochs", "training.head_epochs"] if stages else []
    for own, keys in _SET_BY_STAGES.items():
        if stages and all(any(stage.get(key) is not None for key in own) for stage in stages):
            replaced += keys
    return tuple(replaced)
