"""Runners that train nothing, importable by the processes that Ray starts."""

import os
from pathlib import Path

import pytest
from executor_work import make_runner

from bcauto.execute.contract import Slots, Work
from bcauto.space.space import Space
from bcauto.storage.connect import connect
from bcauto.study.folder import StudyFolder
from bcauto.study.ledger import Ledger, Limits
from bcauto.study.pruning import make_pruner
from bcauto.study.source import SpaceSource


@pytest.fixture(autouse=True)
def importable_by_ray(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


@pytest.fixture
def space():
    return Space.model_validate(
        {
            "recipe": {"model": {"backbone": "SmallCNN"}},
            "search": {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
        }
    )


@pytest.fixture
def slots():
    return Slots(workers=2, threads=1)


@pytest.fixture
def work(tmp_path):
    return lambda plan: Work((plan, tmp_path), 0, make_runner)


@pytest.fixture
def ledger(tmp_path, space):
    import optuna

    folder = StudyFolder(tmp_path / "cells")
    folder.models.mkdir(parents=True)
    study = optuna.create_study(
        study_name="cells",
        storage=connect(folder.default_storage),
        direction="maximize",
        pruner=make_pruner(),
    )
    return Ledger(study, SpaceSource(space, 0), Limits(6), folder.model)
