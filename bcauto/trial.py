"""What passes between search, executor and trial, and what a study stores of a trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bcauto.io.files import FileStore, LocalFileStore
from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive

__all__ = [
    "Failure",
    "Job",
    "Outcome",
    "Report",
    "Retry",
    "RunRecord",
    "Say",
    "Scores",
    "StageRecord",
    "TrialAttributes",
    "TrialResult",
    "TrialStopped",
    "checkpoint_path",
    "say_epochs",
    "trial_seed",
]


class TrialStopped(Exception):
    """Raised by a report to end its trial."""


Say = Callable[[str], None]
"""Takes a line that tells a person what is done now."""

Report = Callable[[int, float], None]
"""``report(epoch, score)``: epochs count from 1 over all stages, as they are trained, with no gap
where a stage stops early; the score is in 0..1. It may raise TrialStopped, which a trial lets pass.
"""


def say_epochs(say: Say, epochs: int | None = None) -> Report:
    """Return a report that says each epoch's score, of ``epochs`` where they are known."""

    def report(epoch: int, score: float) -> None:
        of_all = f" of {epochs}" if epochs else ""
        say(f"epoch {epoch}{of_all}: score {score:.4f}")

    return report


@dataclass(frozen=True)
class Job:
    """One trial to run.

    Attributes:
        number: in the study.
        recipe: what to train.
        seed: comes from study and recipe, so that a retry is the same trial.
        model_path: where its model goes, on the driver's disk.
        accumulate: micro-batches whose mean gradient is one optimizer step: 2 where the whole
            batch did not fit into memory.
        files: how its files get to the driver's disk.
        teacher: a saved classifier of the same classes, whose probabilities are learned in place of
            the labels; None for the labels.
    """

    number: int
    recipe: Recipe
    seed: int
    model_path: Path
    accumulate: int = 1
    files: FileStore = field(default_factory=LocalFileStore)
    teacher: Path | None = None

    @property
    def checkpoint_path(self) -> Path:
        """Where the stages that ended are kept; a retry goes on from there."""
        return checkpoint_path(self.model_path, self.seed)


def checkpoint_path(model_path: Path, seed: int) -> Path:
    """The path of a trial's checkpoint, beside its model; all tries of a trial share it."""
    return model_path.with_name(f"{seed}.checkpoint.npz")


class _Stored(BaseModel):
    """Base of what a study stores as JSON: frozen, and it ignores keys of other versions.

    An alias is a key as it is stored, where a better name was found later.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_by_name=True, serialize_by_alias=True
    )


class Scores(_Stored):
    """What a trained model scored; every value is in 0..1.

    Attributes:
        interval: 95 % interval of the objective, (low, high).
        standard_error: of the objective.
        corruptions: the proxy's metric by corruption and severity, such as ``defocus/3``.
        families: its mean by family of corruptions that the objective counts.
        held_out: the same by family that it does not count.
        clean: accuracy, and the proxy's metric, on the validation images as they are.
    """

    interval: tuple[float, float]
    standard_error: float
    corruptions: dict[str, float] = Field(alias="cells")
    families: dict[str, float]
    held_out: dict[str, float]
    clean: dict[str, float]

    @property
    def mean_held_out(self) -> float | None:
        """The mean over the held-out families; None where none is held out."""
        values = self.held_out.values()
        return sum(values) / len(values) if values else None


class StageRecord(_Stored):
    """What one stage of a training did.

    Attributes:
        name: of the stage.
        epochs: that it trained.
        frozen_layers: of the backbone, counted from the input.
        first_block: the first block of the backbone that trained; None where none did.
        trainable_parameters: weights that trained.
        accumulate: micro-batches whose mean gradient was one optimizer step.
        batch_divided_by: how much smaller the batches were, where memory was short and gradients
            could not be accumulated.
    """

    name: str
    epochs: int
    frozen_layers: int = 0
    first_block: str | None = None
    trainable_parameters: int
    accumulate: int = 1
    batch_divided_by: int = 1


class RunRecord(_Stored):
    """How a trial was trained.

    Attributes:
        epochs: over all stages.
        seconds: of the last try, where the trial was interrupted before.
        parameters: weights of the model.
        trainable_parameters: those that the last stage trained.
        device: what it ran on, and how: ``kind``, ``precision``, ``jit_compile``, ``backend``.
        stages: one record a stage.
    """

    epochs: int = 0
    seconds: float = 0.0
    parameters: int = 0
    trainable_parameters: int = 0
    device: dict[str, Any] = {}
    stages: tuple[StageRecord, ...] = ()


@dataclass(frozen=True)
class TrialResult:
    """What a finished trial hands up; ``objective`` and ``clean_accuracy`` are in 0..1."""

    objective: float
    clean_accuracy: float
    scores: Scores
    run: RunRecord = field(default_factory=RunRecord)

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values that JSON can hold."""
        return {
            "objective": self.objective,
            "clean_accuracy": self.clean_accuracy,
            "scores": self.scores.model_dump(mode="json"),
            "run": self.run.model_dump(mode="json"),
        }


class TrialAttributes(_Stored):
    """What a study stores of a trial, beside the parameters, state and value that Optuna stores.

    Each field is one of the trial's user attributes, under the field's name. A field that was
    never stored has its default.

    Attributes:
        recipe: the recipe as plain values, once it was sampled.
        seed: what it trains with; equal recipes of a search have equal seeds.
        start: the key of the starting point that it is.
        given: the whole recipe that it was queued with, where it is no point of the space.
        of_trial: in a confirmation, the number of the trial of the search that it repeats.
        length: in a confirmation, its epochs as a multiple of that trial's.
        retry_of: the number of the trial that it is another try of.
        deaths: how many tries of it have ended because their process died or hung, or its machine
            was lost.
        accumulate: micro-batches of each step; 2 where a try ran out of memory.
        duplicate_of: the number of the trial with the same recipe; then it is not trained.
        error: why it failed, in one line.
        traceback: the end of its traceback.
        clean_accuracy, scores, run: see ``TrialResult``.
    """

    recipe: dict[str, Any] | None = None
    seed: int | None = None
    start: str | None = None
    given: dict[str, Any] | None = None
    of_trial: int | None = None
    length: float = 1.0
    retry_of: int | None = None
    deaths: int = 0
    accumulate: int = 1
    duplicate_of: int | None = None
    error: str | None = None
    traceback: str | None = None
    clean_accuracy: float | None = None
    scores: Scores | None = None
    run: RunRecord | None = None


def trial_seed(study_seed: int, recipe: Recipe) -> int:
    """The seed that a recipe trains with; equal recipes of a study have equal seeds."""
    return derive(study_seed, "trial", recipe.fingerprint)


class Retry(Enum):
    """Whether the recipe of a trial that failed is tried again, as the same trial."""

    NEVER = "never"
    """It would fail again: an exception repeats."""
    LIMITED = "limited"
    """Its process died or hung, or its machine was lost; whether the recipe is to blame shows after
    a few tries."""
    ALWAYS = "always"
    """It was interrupted, which is no fault of the recipe."""
    SMALLER = "smaller"
    """It ran out of memory: tried again once, with half the batch at a time."""


@dataclass(frozen=True)
class Failure:
    """Why a trial did not finish: one line, and where there is one the end of its traceback.

    With ``disk_full`` no other trial would fare better.
    """

    reason: str
    traceback: str = ""
    retry: Retry = Retry.NEVER
    disk_full: bool = False


Outcome = TrialResult | Failure
