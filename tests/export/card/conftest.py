"""A study in which search, repeats and exported model score very differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from study_fixtures import scores_of

from bcauto.augment.policies import Augment, Basic, RandAugment
from bcauto.data.cleaning import Cleaning
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.results.confirmation import confirmed
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.training.device import start_keras
from bcauto.trial import RunRecord

NAMES = ("red | cell", "grün", "no: 3 #")
RECIPE = Recipe(
    model=Network(backbone="MobileNet", alpha=0.25, frozen_layers=3, head_units=(8, 4)),
    training=Training(optimizer="lion", learning_rate=3e-4, balance="class_weight"),
    augment=Augment(basic=Basic(flip=True), randaugment=RandAugment(probability=0.4)),
)


@pytest.fixture
def study(tmp_path) -> OpenStudy:
    folder = StudyFolder(tmp_path / "blood.cells")
    folder.path.mkdir()
    folder.space.write_text('[proxy]\nmetric = "balanced_accuracy"\n[confirm]\ntop = 0\n')
    cleaning = Cleaning(read=140, duplicates=7, intruders=1, intruder_copies=13).as_dict()
    record = StudyRecord(
        settings=Settings(space="quick", data="/home/me/cells: a.npz", seed=11, trials=9),
        identity=Identity(data="d", space="s", proxy="p", seed=11, weights="none", storage="x"),
        data=DataRecord(
            fingerprint="f" * 64,
            class_names=NAMES,
            train=90,
            val=30,
            image_size=(10, 12),
            cleaning=cleaning,
        ),
        versions={"keras": "3.15.1", "python": "3.11"},
    )
    return OpenStudy(folder, record, None, None)


def training(number, objective, clean, of_trial=None):
    scores = scores_of({"sensor": objective + 0.001}, {"blur": objective + 0.002})
    return CompletedTrial(
        number, objective, clean, scores, RECIPE, RunRecord(epochs=3), of_trial=of_trial
    )


@pytest.fixture
def entry() -> Entry:
    """Trial 4 with two repeats."""
    trial = training(4, 0.8123, 0.9111)
    [again] = confirmed([trial], [training(0, 0.5123, 0.7, 4), training(1, 0.6323, 0.72, 4)])
    return Entry(trial, again)


@pytest.fixture
def subject_of(study, entry) -> Callable[..., Any]:
    """Makes the subject of a card of repeat 1, with other fields as given."""
    start_keras(1)
    from bcauto.export.card.subject import Subject
    from bcauto.export.model import ExportedModel

    def make(entry: Entry = entry, clean: float | None = 0.7211, **more: Any) -> Any:
        scores = scores_of({"sensor": 0.4111, "colour": 0.4222}, {"blur": 0.3333})
        model = ExportedModel(
            name="repeat 1 of trial 4",
            proxy="confirmation",
            objective=0.4166,
            clean_accuracy=clean,
            scores=scores,
            recalls=(0.1234, None, 0.9876),
        )
        return Subject(study, entry, model, **more)

    return make
