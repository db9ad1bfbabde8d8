"""A small space, studies in memory or on disk, and what a trial scored."""

import sqlite3

import optuna
import pytest
import sqlalchemy

from bcauto.space.space import Space
from bcauto.study.folder import StudyFolder
from bcauto.study.pruning import make_pruner
from bcauto.trial import Scores

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk():
    """SQLite of this process leaves writing to the system: no test cuts the power."""

    def connected(connection, _record):
        if isinstance(connection, sqlite3.Connection):
            connection.execute("pragma synchronous = off")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", connected)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", connected)


def scores_of(families=None, held_out=None, standard_error=0.01):
    """What a trial scored, by family."""
    return Scores(
        interval=(0.4, 0.6),
        standard_error=standard_error,
        corruptions={},
        families=families or {},
        held_out=held_out or {},
        clean={"accuracy": 0.9},
    )


@pytest.fixture
def space():
    return Space.model_validate(
        {
            "recipe": {"model": {"backbone": "SmallCNN"}},
            "search": {
                "training.optimizer": ["adam", "lion"],
                "training.learning_rate@adam": {
                    "low": 1e-4,
                    "high": 1e-2,
                    "log": True,
                    "when": {"training.optimizer": "adam"},
                },
                "training.learning_rate@lion": {
                    "low": 1e-5,
                    "high": 1e-3,
                    "log": True,
                    "when": {"training.optimizer": "lion"},
                },
            },
            "start": [
                {"training.optimizer": "lion", "training.learning_rate@lion": 1e-4},
                {"training.optimizer": "adam", "training.learning_rate@adam": 1e-3},
            ],
        }
    )


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize", pruner=make_pruner())


@pytest.fixture
def folder(tmp_path):
    folder = StudyFolder(tmp_path / "cells")
    folder.models.mkdir(parents=True)
    return folder
