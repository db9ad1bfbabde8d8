"""What the stages of a trial have trained, kept so that a retry goes on with the next stage."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.training.stages import Stage
from bcauto.trial import Job, StageRecord

__all__ = ["Checkpoint", "Progress"]

_TRIAL = "trial"


class Progress(NamedTuple):
    """The record of every stage that ended, and the score of each of their epochs."""

    stages: list[StageRecord]
    scores: list[float]


class Checkpoint:
    """The file of a trial's progress: an npz without pickle.

    It holds all variables of the model, in order, with BatchNorm's statistics and the seeds that
    dropout draws from; so what is trained from it is what would have been trained without it. An
    optimizer lives for one stage and is not in it.

    Args:
        job: whose trial it is.
        planned: all stages of the trial.
        model: as it is built for the trial.
    """

    def __init__(self, job: Job, planned: Sequence[Stage], model: Any) -> None:
        self.job, self.planned, self.model = job, planned, model

    def write(self, progress: Progress) -> None:
        """Keeps the model as it is, and what is known of the stages so far."""
        stages = [stage.model_dump() for stage in progress.stages]
        said = json.dumps({**self._trial(), "stages": stages, "scores": progress.scores})
        arrays: dict[str, Any] = {_TRIAL: np.array(said)}
        arrays |= {str(n): value for n, value in enumerate(self._values())}
        files, path = self.job.files, self.job.checkpoint_path
        with files.writing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)

    def restore(self) -> Progress:
        """Sets the model's variables to those of the file; gives how far it got.

        A file that is damaged or of another trial counts as none: there is no progress then, and
        the model is as it was.
        """
        content = self.job.files.read(self.job.checkpoint_path)
        if content is None:
            return Progress([], [])
        try:
            progress, values = self._read(content)
        except Exception:  # a damaged zip can fail in any way
            return Progress([], [])
        for variable, value in zip(self.model.variables, values, strict=True):
            variable.assign(value)
        return progress

    def _read(self, content: bytes) -> tuple[Progress, list[NDArray[Any]]]:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            said = json.loads(str(file[_TRIAL]))
            values = [file[str(n)] for n in range(len(file.files) - 1)]
        stages = [StageRecord.model_validate(stage) for stage in said.pop("stages")]
        progress = Progress(stages, said.pop("scores"))
        if said != self._trial() or len(progress.stages) >= len(self.planned):
            raise ValueError("it is of another trial")
        if sum(stage.epochs for stage in progress.stages) != len(progress.scores):
            raise ValueError("it does not have one score for each epoch")
        if [_form(value) for value in values] != [_form(value) for value in self._values()]:
            raise ValueError("it is of another model")
        return progress, values

    def _trial(self) -> dict[str, Any]:
        """What must be the same for a trial to go on."""
        return {
            "recipe": self.job.recipe.fingerprint,
            "seed": self.job.seed,
            "planned": [stage.name for stage in self.planned],
        }

    def _values(self) -> list[NDArray[Any]]:
        return [keras.ops.convert_to_numpy(variable) for variable in self.model.variables]


def _form(value: NDArray[Any]) -> tuple[Any, ...]:
    return value.shape, value.dtype
