from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from study_fixtures import scores_of

from bcauto.augment.policies import Augment, Basic, RandAugment
from bcauto.errors import NothingUsable
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe, read_recipe
from bcauto.recipe.training import Training
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.trial import RunRecord

pytestmark = pytest.mark.keras

NAMES = ("red", "green", "blue")
RECIPE = Recipe(
    model=Network(backbone="MobileNet", alpha=0.25, frozen_layers=3, head_units=(8, 4)),
    training=Training(optimizer="lion", learning_rate=3e-4),
    augment=Augment(basic=Basic(flip=True), randaugment=RandAugment(magnitude=0.2)),
)
RECORD = StudyRecord(
    settings=Settings(space="quick", storage="sqlite:///study.db", seed=11),
    identity=Identity(data="d", space="s", proxy="p", seed=11, weights="none", storage="x"),
    data=DataRecord(
        fingerprint="d", class_names=NAMES, train=90, val=30, image_size=(10, 12), cleaning={}
    ),
    versions={"keras": "3"},
)


@pytest.fixture
def folder(tmp_path, make_model, pictures) -> StudyFolder:
    """A study whose trials 4 and 10 have models."""
    folder = StudyFolder(tmp_path / "studies" / "cells")
    folder.models.mkdir(parents=True)
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=2)
    make_proxy(pictures, np.arange(30) % 3, config, seed=1).save(folder.proxy)
    for number in (4, 10):
        make_model(number).save(folder.model(number))
    return folder


@pytest.fixture
def best(folder) -> CompletedTrial:
    """Trial 4 with the score that its model does reach."""
    return best_of(folder, objective_of(folder, 4))


def best_of(folder, objective, number=4):
    run = RunRecord(epochs=3)
    return CompletedTrial(number, objective, 0.4, scores_of({"sensor": 0.5}), RECIPE, run)


def objective_of(folder, number):
    """The mean accuracy over the searched corruptions, counted in the plainest way."""
    import keras

    stored = np.load(folder.proxy)
    predicted = keras.saving.load_model(folder.model(number)).predict(stored["images"], verbose=0)
    right = predicted.argmax(axis=1) == stored["labels"]
    searched = [place for place in np.unique(stored["cell"]) if "blur" not in family(stored, place)]
    return float(np.mean([right[stored["cell"] == place].mean() for place in searched]))


def family(stored, place):
    from bcauto.proxy.corruptions import CORRUPTIONS

    return CORRUPTIONS[str(stored["cells"][place]).split("/")[0]].family


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_an_export_is_a_model_a_recipe_and_a_manifest(export_trial, folder, best, tmp_path):
    out = tmp_path / "a" / "b"
    assert export_trial(folder, RECORD, best, out) == out
    assert set(contents(out)) == {"model.keras", "recipe.toml", "manifest.json"}
    assert (out / "model.keras").read_bytes() == folder.model(4).read_bytes()
    assert read_recipe(out / "recipe.toml") == RECIPE


def test_a_manifest_says_where_the_model_comes_from(export_trial, folder, best):
    out = export_trial(folder, RECORD, best, folder.best)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == {
        "study": "cells",
        "trial": 4,
        "objective": best.objective,
        "confirmed": None,
        "objective_after_loading": pytest.approx(best.objective),
        "clean_accuracy": 0.4,
        "scores": scores_of({"sensor": 0.5}).model_dump(mode="json"),
        "class_names": list(NAMES),
        "image_size": [10, 12],
        "resize": "stretch",
        "input": "RGB, 0-255, (n, height, width, 3)",
        "fingerprints": {"data": "d", "space": "s", "proxy": "p"},
        "seed": 11,
        "versions": {"keras": "3"},
        "run": RunRecord(epochs=3).model_dump(mode="json"),
    }


@pytest.mark.parametrize("target", ["", "model.keras"])
def test_an_export_loads_as_the_model_it_was(
    target, export_trial, load_model, folder, best, make_model, pictures
):
    out = export_trial(folder, RECORD, best, folder.best)
    loaded = load_model(out / target)
    assert (loaded.image_size, loaded.class_names) == ((10, 12), NAMES)
    expected = make_model(4).predict(pictures, verbose=0).argmax(axis=1)
    assert np.array_equal(loaded.predict(pictures), expected)
    assert len(set(expected.tolist())) > 1


def test_a_new_export_takes_the_place_of_the_old_one(export_trial, folder, best):
    export_trial(folder, RECORD, best, folder.best)
    other = best_of(folder, objective_of(folder, 10), number=10)
    export_trial(folder, RECORD, other, folder.best)
    assert (folder.best / "model.keras").read_bytes() == folder.model(10).read_bytes()
    assert json.loads((folder.best / "manifest.json").read_text())["trial"] == 10
    assert len(contents(folder.best)) == 3


def test_a_score_that_does_not_come_back_is_refused_and_the_old_export_stays(
    export_trial, folder, best
):
    export_trial(folder, RECORD, best, folder.best)
    before = contents(folder.best)
    wrong = best_of(folder, best.objective + 0.003)
    with pytest.raises(NothingUsable, match=f"^the model of trial 4 scores {best.objective:.4f} "):
        export_trial(folder, RECORD, wrong, folder.best)
    assert contents(folder.best) == before


def test_a_model_is_scored_again_by_the_studys_own_objective(export_trial, folder, pictures):
    families = ("colour", "exposure")
    config = ProxyConfig(
        families=families, held_out=(), copies=9, objective="worst_family", metric="auc"
    )
    make_proxy(pictures, np.arange(30) % 3, config, seed=1).save(folder.proxy)
    expected = worst_family_auc(folder, 4)
    assert abs(expected - objective_of(folder, 4)) > 0.1
    out = export_trial(folder, RECORD, best_of(folder, expected), folder.best)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["objective_after_loading"] == pytest.approx(expected)


def worst_family_auc(folder, number):
    """The least of the families' means over their corruptions of the AUC at each severity."""
    import keras

    stored = np.load(folder.proxy)
    predicted = keras.saving.load_model(folder.model(number)).predict(stored["images"], verbose=0)
    by_family: dict[str, list[float]] = {}
    for place in range(len(stored["cells"])):
        inside = stored["cell"] == place
        truth, guess = stored["labels"][inside], predicted[inside]
        aucs = [roc_auc_score(truth == c, guess[:, c]) for c in np.unique(truth)]
        by_family.setdefault(family(stored, place), []).append(np.mean(aucs))
    return min(map(np.mean, by_family.values()))


def test_two_thousandths_are_no_difference(export_trial, folder, best):
    near = best_of(folder, best.objective - 0.0019)
    assert export_trial(folder, RECORD, near, folder.best) == folder.best


def test_a_model_that_was_changed_is_refused(export_trial, folder, best, make_model):
    changed = make_model(4)
    kernel, bias = changed.layers[-1].get_weights()
    changed.layers[-1].set_weights([kernel[:, ::-1], bias])
    changed.save(folder.model(4))
    with pytest.raises(NothingUsable, match="it is not exported"):
        export_trial(folder, RECORD, best, folder.best)
    assert not list(folder.best.iterdir())


def test_a_model_that_is_damaged_is_refused(export_trial, folder, best, refused):
    kept = folder.model(4)
    kept.write_bytes(kept.read_bytes()[:2000])
    with refused("not a Keras model that can be loaded"):
        export_trial(folder, RECORD, best, folder.best)
    assert not list(folder.best.iterdir())


def test_an_export_that_cannot_be_finished_leaves_the_old_one(
    export_trial, folder, best, monkeypatch
):
    export_trial(folder, RECORD, best, folder.best)
    before = contents(folder.best)

    def full(*_, **__):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            export_trial(folder, RECORD, best_of(folder, best.objective), folder.best)
    assert contents(folder.best) == before


def test_a_model_that_is_gone_is_refused_with_those_that_are_kept(export_trial, folder, refused):
    (folder.models / ".7.partial.keras").write_bytes(b"")
    with refused(r"^trial 7 has no model any more; kept are those of \[4, 10\]$"):
        export_trial(folder, RECORD, best_of(folder, 0.5, number=7), folder.best)
    assert not folder.best.exists()


@pytest.mark.parametrize("below", [False, True])
def test_a_file_in_the_folders_place_is_refused(
    below, export_trial, folder, best, tmp_path, refused
):
    file = tmp_path / "file"
    file.write_text("mine")
    with refused("^--out must be a folder that can be written to, got "):
        export_trial(folder, RECORD, best, file / "out" if below else file)
    assert file.read_text() == "mine"
