"""What passes between those who ask for a trial, those who run it, and the trial itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from bcauto.io.files import Files, LocalFiles
from bcauto.recipe.recipe import Recipe
from bcauto.seeds import derive

__all__ = [
    "Failure",
    "Job",
    "Outcome",
    "Report",
    "Retry",
    "TrialResult",
    "TrialStopped",
    "checkpoint_path",
    "mean_held_out",
    "trial_seed",
]


class TrialStopped(Exception):
    """Raised by a report to end a trial that nobody wants to go on."""


Report = Callable[[int, float], None]
"""``report(epoch, score)``: epochs count from 1 over all stages, as they are trained, with no gap
where a stage stops early; the score is in 0..1. It may raise TrialStopped, which a trial lets pass.
"""


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
    """

    number: int
    recipe: Recipe
    seed: int
    model_path: Path
    accumulate: int = 1
    files: Files = field(default_factory=LocalFiles)

    @property
    def checkpoint_path(self) -> Path:
        """Where it is kept what stages have trained; a retry goes on from there."""
        return checkpoint_path(self.model_path, self.seed)


def checkpoint_path(model_path: Path, seed: int) -> Path:
    """Where the checkpoint of a trial lies, beside its model: the same for all its tries."""
    return model_path.with_name(f"{seed}.checkpoint.npz")


@dataclass(frozen=True)
class TrialResult:
    """What a finished trial hands up: numbers, and the path of its model.

    ``objective`` and ``clean_accuracy`` are in 0..1; ``scores`` holds what is said of them as JSON:
    ``interval`` (low, high) and ``standard_error`` of the objective; ``cells``, ``families`` and
    ``held_out``, the proxy's metric by name; ``clean``, accuracy and that metric on the validation
    images as they are. ``device`` says on what it ran, and how; ``stages`` what each one trained:
    its ``name``, ``epochs``, ``frozen_layers`` (of the backbone, from the input), ``first_block``
    (the first of its blocks that trained, None where none did) and ``trainable_parameters``; where
    memory was short also ``accumulate`` (micro-batches of each step) or, for a hypermodel that
    cannot, ``batch_divided_by``. After a kill, ``seconds`` are those of the last try.
    """

    objective: float
    clean_accuracy: float
    scores: dict[str, Any] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    parameters: int = 0
    trainable_parameters: int = 0
    device: dict[str, Any] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def held_out(self) -> float | None:
        """The mean over the held-out families, 0..1; None where none is held out."""
        return mean_held_out(self.scores)


def mean_held_out(scores: Mapping[str, Any]) -> float | None:
    """The mean over the held-out families of a TrialResult's scores; None where there are none."""
    families = scores["held_out"].values()
    return sum(families) / len(families) if families else None


def trial_seed(study_seed: int, recipe: Recipe) -> int:
    """The seed that a recipe trains with: equal recipes of a study are the same trial."""
    return derive(study_seed, "trial", recipe.fingerprint)


class Retry(Enum):
    """Whether the recipe of a trial that failed is tried again, as the same trial."""

    NEVER = "never"
    """It would fail again: an exception repeats."""
    LIMITED = "limited"
    """Its process died; whether the recipe is to blame shows after a few tries."""
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
