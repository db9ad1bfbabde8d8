"""The checkpoint of a trial, written after each stage: a retry goes on with the next one."""

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
    """The records of the stages that ended, and the scores of all their epochs."""

    stages: list[StageRecord]
    scores: list[float]


class Checkpoint:
    """The file that holds a trial's progress: an npz without pickle.

    It holds all variables of the model, in order, with BatchNorm's statistics and the states of
    dropout's seed generators: training goes on from it as if it had not been interrupted. Each
    stage has an optimizer of its own, so none is stored.

    Args:
        job: the trial, and where its checkpoint lies.
        planned: all stages of the trial.
        model: as it was built for the trial.
    """

    def __init__(self, job: Job, planned: Sequence[Stage], model: Any) -> None:
        self.job, self.planned, self.model = job, planned, model

    def write(self, progress: Progress) -> None:
        """Write the model's variables as they are, and the progress so far."""
        stages = [stage.model_dump() for stage in progress.stages]
        text = json.dumps({**self._identity(), "stages": stages, "scores": progress.scores})
        arrays: dict[str, Any] = {_TRIAL: np.array(text)}
        arrays |= {str(n): value for n, value in enumerate(self._values())}
        files, path = self.job.files, self.job.checkpoint_path
        with files.atomic_write(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)

    def restore(self) -> Progress:
        """Set the model's variables to those of the file, and return its progress.

        If there is no file, or it is damaged or of another trial, the progress is empty and the
        model stays as it is.
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
            stored = json.loads(str(file[_TRIAL]))
            values = [file[str(n)] for n in range(len(file.files) - 1)]
        stages = [StageRecord.model_validate(stage) for stage in stored.pop("stages")]
        progress = Progress(stages, stored.pop("scores"))
        if stored != self._identity() or len(progress.stages) >= len(self.planned):
            raise ValueError("it is of another trial")
        if sum(stage.epochs for stage in progress.stages) != len(progress.scores):
            raise ValueError("it does not have one score for each epoch")
        stored_forms = [(value.shape, value.dtype) for value in values]
        if stored_forms != [(value.shape, value.dtype) for value in self._values()]:
            raise ValueError("it is of another model")
        return progress, values

    def _identity(self) -> dict[str, Any]:
        """Return what must be the same for a trial to go on from a checkpoint."""
        return {
            "recipe": self.job.recipe.fingerprint,
            "seed": self.job.seed,
            "planned": [stage.name for stage in self.planned],
        }

    def _values(self) -> list[NDArray[Any]]:
        return [keras.ops.convert_to_numpy(variable) for variable in self.model.variables]
