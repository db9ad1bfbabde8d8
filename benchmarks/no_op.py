"""A trial that trains nothing, and a study of such trials; what benchmarks use, none itself.

It is a module of its own so that the processes which Ray starts can import it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna

from bcauto.space.space import Space
from bcauto.storage.connect import connect
from bcauto.study.folder import StudyFolder
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.monitor import Monitor
from bcauto.study.pruning import make_pruner
from bcauto.study.source import SpaceSource
from bcauto.training.device import start_keras
from bcauto.trial import Job, Report, Scores, TrialResult

__all__ = ["REPORTS", "SCORE", "NoOpRunner", "bare_runner", "keras_runner", "new_ledger"]

REPORTS = 5
SCORE = 0.5

_SCORES = Scores(
    interval=(SCORE, SCORE), standard_error=0.0, corruptions={}, families={}, held_out={}, clean={}
)
_SPACE = Space.model_validate(
    {
        "recipe": {"model": {"backbone": "SmallCNN"}},
        "search": {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
    }
)


class NoOpRunner:
    """Reports five epochs, and is done."""

    def run(self, job: Job, report: Report) -> TrialResult:
        """A trial that trains nothing and writes nothing."""
        del job
        for epoch in range(1, REPORTS + 1):
            report(epoch, SCORE)
        return TrialResult(SCORE, SCORE, _SCORES)


def bare_runner(payload: Any, threads: int) -> NoOpRunner:
    """A runner in a process without Keras."""
    del payload, threads
    return NoOpRunner()


def keras_runner(payload: Any, threads: int) -> NoOpRunner:
    """A runner in a process that has imported Keras and TensorFlow, as one that trains has."""
    del payload
    start_keras(threads)
    return NoOpRunner()


def new_ledger(studies: Path, trials: int, monitor: Monitor | None = None) -> Ledger:
    """The ledger of a study ``no-op`` in a folder of studies, in its own SQLite file."""
    folder = StudyFolder(studies / "no-op")
    folder.models.mkdir(parents=True)
    study = optuna.create_study(
        study_name=folder.name,
        storage=connect(folder.default_storage),
        direction="maximize",
        pruner=make_pruner(),
    )
    return Ledger(study, SpaceSource(_SPACE, 0), Limits(trials), folder.model, monitor)
