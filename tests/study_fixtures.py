"""A small space, and studies in memory or on disk."""

import optuna
import pytest

from bcauto.space.space import Space
from bcauto.study.folder import StudyFolder
from bcauto.study.sampling import make_pruner

optuna.logging.set_verbosity(optuna.logging.ERROR)


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
