from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from study_fixtures import scores_of

from bcauto.augment.policies import Augment, Basic, RandAugment
from bcauto.data.fingerprints import PictureFingerprints
from bcauto.data.labelled import Labelled
from bcauto.ensemble.choose import Chosen, Combination
from bcauto.errors import NothingUsable
from bcauto.export.entry import ExportOptions, export_entry
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe, read_recipe
from bcauto.recipe.training import Training
from bcauto.results.confirmation import confirmed
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.results.trials import CompletedTrial
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord
from bcauto.trial import RunRecord

pytestmark = pytest.mark.keras

PARTS = ("train", "val", "intruder")
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
def study(folder) -> OpenStudy:
    """The study, whose storage holds nothing."""
    folder.space.write_text("[confirm]\ntop = 0\n")
    return OpenStudy(folder, RECORD, None, None)


@pytest.fixture
def best(folder) -> Entry:
    """Trial 4 with the score that its model does reach."""
    return best_of(objective_of(folder.proxy, folder.model(4)))


def best_of(objective, number=4):
    run = RunRecord(epochs=3)
    return Entry(CompletedTrial(number, objective, 0.4, scores_of({"sensor": 0.5}), RECIPE, run))


def objective_of(proxy, model):
    """The mean accuracy over the searched corruptions, counted in the plainest way."""
    import keras

    stored = np.load(proxy)
    predicted = keras.saving.load_model(model).predict(stored["images"], verbose=0)
    right = predicted.argmax(axis=1) == stored["labels"]
    searched = [place for place in np.unique(stored["cell"]) if "blur" not in family(stored, place)]
    return float(np.mean([right[stored["cell"] == place].mean() for place in searched]))


def recalls_of(proxy, model):
    """The share of right answers for the pictures of each class."""
    import keras

    stored = np.load(proxy)
    predicted = keras.saving.load_model(model).predict(stored["images"], verbose=0).argmax(axis=1)
    labels = stored["labels"]
    return [float(np.mean(predicted[labels == label] == label)) for label in range(3)]


def family(stored, place):
    from bcauto.proxy.corruptions import CORRUPTIONS

    return CORRUPTIONS[str(stored["cells"][place]).split("/")[0]].family


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_export_is_a_model_a_recipe_and_a_manifest(study, folder, best, tmp_path):
    out = tmp_path / "a" / "b"
    assert export_entry(study, best, out).folder == out
    texts = {"MODEL_CARD.md", "README.md"}
    assert set(contents(out)) == {"model.keras", "recipe.toml", "manifest.json", *texts}
    assert (out / "model.keras").read_bytes() == folder.model(4).read_bytes()
    assert read_recipe(out / "recipe.toml") == RECIPE


def test_the_fingerprints_of_its_pictures_go_with_a_model(study, folder, best):
    of_study = {part: np.full((2, 16), place, np.uint8) for place, part in enumerate(PARTS)}
    PictureFingerprints(of_study).save(folder.fingerprints)
    export_entry(study, best, folder.best)
    found = PictureFingerprints.load(folder.best / "fingerprints.npz").by_part
    assert {part: rows.tolist() for part, rows in found.items()} == {
        part: rows.tolist() for part, rows in of_study.items()
    }
    folder.fingerprints.unlink()  # as where an earlier version began the study
    assert "fingerprints.npz" not in names_in(export_entry(study, best, folder.best).folder)


def test_damaged_fingerprints_are_told_and_stay_behind(study, folder, best):
    folder.fingerprints.write_bytes(b"PK damaged")
    said = []
    export_entry(study, best, folder.best, say=said.append)
    assert "fingerprints.npz" not in names_in(folder.best)
    assert any("warning" in line and str(folder.fingerprints) in line for line in said)


def test_a_manifest_says_where_the_model_comes_from(study, folder, best):
    out = export_entry(study, best, folder.best).folder
    manifest = json.loads((out / "manifest.json").read_text())
    own = manifest.pop("model")
    digest = hashlib.sha256((out / "model.keras").read_bytes()).hexdigest()
    assert manifest == {
        "sha256": digest,
        "study": "cells",
        "class_names": list(NAMES),
        "image_size": [10, 12],
        "resize": "stretch",
        "input": "RGB, 0-255, (n, height, width, 3)",
        "trial": 4,
        "search": {
            "objective": best.score,
            "interval": [0.4, 0.6],
            "held_out": None,
            "clean_accuracy": 0.4,
            "scores": scores_of({"sensor": 0.5}).model_dump(mode="json"),
            "run": RunRecord(epochs=3).model_dump(mode="json"),
        },
        "confirmation": None,
        "trials": {"left": 100, "wanted": 100},
        "repeats": {"left": 0, "wanted": 0},
        "fingerprints": {"data": "d", "space": "s", "proxy": "p"},
        "seed": 11,
        "versions": {"keras": "3"},
    }
    assert (own["name"], own["proxy"], own["clean_accuracy"]) == ("trial 4", "search", 0.4)
    assert own["recalls"] == pytest.approx(recalls_of(folder.proxy, folder.model(4)))
    assert own["objective"] == pytest.approx(best.score)
    assert own["interval"][0] < own["objective"] < own["interval"][1]


REPEATS = {0: 0.05, 1: None, 2: 0.99}
"""Objectives of the repeats of trial 4; that of repeat 1 is what its model does reach."""


@pytest.fixture
def again(folder, make_model, pictures) -> Entry:
    """Trial 4 with three repeats, of which the middle one has a model; all scores differ widely."""
    config = ProxyConfig(families=("colour",), held_out=("blur",), severities=(3,), copies=2)
    make_proxy(pictures, np.arange(30) % 3, config, seed=2).save(folder.confirm_proxy)
    folder.confirm_model(1).parent.mkdir(parents=True)
    make_model(21).save(folder.confirm_model(1))
    reached = objective_of(folder.confirm_proxy, folder.confirm_model(1))
    values = {number: reached if value is None else value for number, value in REPEATS.items()}
    trial = best_of(0.8).trial
    runs = [repeat_of(trial, number, value) for number, value in values.items()]
    [found] = confirmed([trial], runs)
    return Entry(trial, found)


def repeat_of(trial, number, objective):
    clean = 0.6 + number / 10
    scores = scores_of({"sensor": objective / 2}, {"blur": objective / 4})
    of_repeat = {"objective": objective, "clean_accuracy": clean, "scores": scores}
    return replace(trial, number=number, of_trial=trial.number, **of_repeat)


def test_every_number_of_a_manifest_stands_under_the_model_it_is_of(study, folder, again):
    out = export_entry(study, again, folder.best).folder
    assert (out / "model.keras").read_bytes() == folder.confirm_model(1).read_bytes()
    manifest = json.loads((out / "manifest.json").read_text())
    own, searched, told = (manifest[key] for key in ("model", "search", "confirmation"))
    reached = objective_of(out.parent / "confirm" / "proxy.npz", out / "model.keras")
    assert (own["name"], own["proxy"]) == ("repeat 1 of trial 4", "confirmation")
    assert (own["objective"], own["clean_accuracy"]) == (pytest.approx(reached), 0.7)
    assert set(own["scores"]["families"]) == {"colour"}
    assert set(own["scores"]["held_out"]) == {"blur"}
    assert (searched["objective"], searched["clean_accuracy"]) == (0.8, 0.4)
    assert [each["repeat"] for each in told["repeats"]] == [0, 1, 2]
    assert [each["objective"] for each in told["repeats"]] == [0.05, pytest.approx(reached), 0.99]
    assert [each["clean_accuracy"] for each in told["repeats"]] == [0.6, 0.7, 0.8]
    assert told["estimate"] == pytest.approx((0.05 + reached + 0.99) / 3)
    assert told["interval"] == list(again.confirmed.interval)
    numbers = (reached, 0.8, told["estimate"], 0.05, 0.99)
    assert min(abs(a - b) for a, b in combinations(numbers, 2)) > 0.02


def test_a_mean_over_views_has_its_own_numbers_beside_the_repeats(
    study, folder, again, monkeypatch
):
    taken = Combination((1,), "mirrors")
    monkeypatch.setattr(
        "bcauto.export.combined.choose",
        lambda propose, decide, *_, **__: Chosen(taken, propose.name, decide.name, ()),
    )
    done = export_entry(study, again, folder.best, ExportOptions(views=True))
    manifest = json.loads((folder.best / "manifest.json").read_text())
    own, made = manifest["model"], manifest["combined"]
    reached = objective_of(folder.confirm_proxy, folder.best / "model.keras")
    assert own["objective"] == made["combined"]["objective"] == pytest.approx(reached)
    assert own["name"] == made["combined"]["name"]
    assert made["single"]["name"] == "repeat 1 of trial 4"
    assert made["single"]["objective"] == again.confirmed.runs[1].objective
    assert own["name"] == "1 x repeat 1 of trial 4, over mirrors"
    assert abs(own["objective"] - made["single"]["objective"]) > 0.001
    assert own["clean_accuracy"] is None
    assert own["scores"]["clean"] == {}
    assert json.loads(json.dumps(done.manifest)) == manifest
    assert manifest["confirmation"]["estimate"] == again.score


def test_where_no_mean_is_better_the_repeat_has_its_own_name(study, folder, again):
    folder.space.write_text('[export]\nviews = "none"\n')
    done = export_entry(study, again, folder.best, ExportOptions(views=True))
    assert done.model.name == done.combined.name == "repeat 1 of trial 4"
    assert done.model.clean_accuracy == 0.7


@pytest.mark.parametrize("target", ["", "model.keras"])
def test_an_export_loads_as_the_model_it_was(
    target, study, load_model, folder, best, make_model, pictures
):
    out = export_entry(study, best, folder.best).folder
    loaded = load_model(out / target)
    assert (loaded.image_size, loaded.class_names) == ((10, 12), NAMES)
    expected = make_model(4).predict(pictures, verbose=0).argmax(axis=1)
    assert np.array_equal(loaded.predict(pictures), expected)
    assert len(set(expected.tolist())) > 1


def test_a_new_export_takes_the_place_of_the_old_one(study, folder, best):
    export_entry(study, best, folder.best)
    other = best_of(objective_of(folder.proxy, folder.model(10)), number=10)
    export_entry(study, other, folder.best)
    assert (folder.best / "model.keras").read_bytes() == folder.model(10).read_bytes()
    assert json.loads((folder.best / "manifest.json").read_text())["trial"] == 10
    assert len(contents(folder.best)) == 5


def with_data(monkeypatch, pictures):
    """Let the study's data be these pictures, to train on and to validate on."""
    images = Labelled(pictures, np.arange(30, dtype=np.int64) % 3)
    data = SimpleNamespace(train=images, val=images)
    monkeypatch.setattr("bcauto.export.entry.study_dataset", lambda record: data)


def test_an_export_may_have_a_temperature_and_says_what_it_does(
    study, folder, best, pictures, load_model, monkeypatch
):
    with_data(monkeypatch, pictures)
    plain = load_model(folder.model(4)).predict_probabilities(pictures)
    done = export_entry(study, best, folder.best, ExportOptions(calibrate=True))
    manifest = json.loads((folder.best / "manifest.json").read_text())
    found = manifest["calibration"]
    assert done.calibration.as_dict() == found
    assert set(found["before"]) == set(found["after"]) == {"clean", "corrupted", "held_out"}
    powers = plain.astype(np.float64) ** (1 / found["temperature"])
    again = load_model(folder.best).predict_probabilities(pictures)
    np.testing.assert_allclose(again, powers / powers.sum(axis=1, keepdims=True), atol=1e-4)
    assert manifest["model"]["objective"] == pytest.approx(best.score)  # of accuracy: no other
    assert "calibration" not in export_entry(study, best, folder.best).manifest


def test_an_export_in_other_formats_says_so_and_the_next_one_takes_them_away(
    study, folder, best, pictures, monkeypatch
):
    with_data(monkeypatch, pictures)
    options = ExportOptions(formats=("litert-int8", "savedmodel"))
    done = export_entry(study, best, folder.best, options)
    assert {"model.keras", "model.int8.tflite", "saved_model"} < names_in(folder.best)
    manifest = json.loads((folder.best / "manifest.json").read_text())
    rows = {row["format"]: row for row in manifest["formats"]}
    assert [*rows] == ["keras", "litert-int8", "savedmodel"]
    assert rows["keras"]["bytes"] == len((folder.best / "model.keras").read_bytes())
    assert rows["savedmodel"]["largest_difference"] < 1e-5 < rows["litert-int8"]["bytes"]
    assert json.loads(json.dumps(done.manifest)) == manifest
    (folder.best / "notes.txt").write_text("mine")
    export_entry(study, best, folder.best, ExportOptions(formats=("savedmodel",)))
    kept = {"model.keras", "saved_model", "manifest.json", "notes.txt"}
    assert kept < names_in(folder.best)
    export_entry(study, best, folder.best)
    left = names_in(folder.best)
    assert not left & {"saved_model", "model.int8.tflite"}
    assert "notes.txt" in left


def test_what_bcauto_did_not_write_is_not_replaced(study, best, tmp_path, refused):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "README.md").write_text("mine")
    with refused("^--out must be an older export, or have no README.md, which would be replaced"):
        export_entry(study, best, out)
    assert contents(out) == {"README.md": b"mine"}


def test_formats_and_data_are_checked_before_anything_is_written(study, folder, best, refused):
    export_entry(study, best, folder.best)
    before = contents(folder.best)
    with refused("^unknown --format 'onix'; did you mean 'onnx'"):
        export_entry(study, best, folder.best, ExportOptions(formats=("onix",)))
    moved = RECORD.model_copy(update={"settings": Settings(space="quick", data="gone.npz")})
    with refused("gone.npz"):
        export_entry(
            replace(study, record=moved), best, folder.best, ExportOptions(formats=("litert-int8",))
        )
    assert contents(folder.best) == before


def test_a_score_that_does_not_come_back_is_refused_and_the_old_export_stays(study, folder, best):
    export_entry(study, best, folder.best)
    before = contents(folder.best)
    wrong = best_of(best.score + 0.003)
    with pytest.raises(NothingUsable, match=f"^the model of trial 4 scores {best.score:.4f} "):
        export_entry(study, wrong, folder.best)
    assert contents(folder.best) == before


def test_a_model_is_scored_again_by_the_studys_own_objective(study, folder, pictures):
    families = ("colour", "exposure")
    config = ProxyConfig(
        families=families, held_out=(), copies=9, objective="worst_family", metric="auc"
    )
    make_proxy(pictures, np.arange(30) % 3, config, seed=1).save(folder.proxy)
    expected = worst_family_auc(folder, 4)
    assert abs(expected - objective_of(folder.proxy, folder.model(4))) > 0.1
    out = export_entry(study, best_of(expected), folder.best).folder
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["model"]["objective"] == pytest.approx(expected)


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


def test_two_thousandths_are_no_difference(study, folder, best):
    near = best_of(best.score - 0.0019)
    assert export_entry(study, near, folder.best).folder == folder.best


def test_a_model_that_was_changed_is_refused(study, folder, best, make_model):
    changed = make_model(4)
    kernel, bias = changed.layers[-1].get_weights()
    changed.layers[-1].set_weights([kernel[:, ::-1], bias])
    changed.save(folder.model(4))
    with pytest.raises(NothingUsable, match="it is not exported"):
        export_entry(study, best, folder.best)
    assert not folder.best.exists()


def test_a_model_that_is_damaged_is_refused(study, folder, best, refused):
    kept = folder.model(4)
    kept.write_bytes(kept.read_bytes()[:2000])
    with refused("not a Keras model that can be loaded"):
        export_entry(study, best, folder.best)
    assert not folder.best.exists()


def test_an_export_that_cannot_be_finished_leaves_the_old_one(study, folder, best, monkeypatch):
    export_entry(study, best, folder.best)
    before = contents(folder.best)

    def full(*_, **__):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space"):
            export_entry(study, best_of(best.score), folder.best)
    assert contents(folder.best) == before


def test_a_model_that_is_gone_is_refused_with_those_that_are_kept(study, folder, refused):
    (folder.models / ".7.partial.keras").write_bytes(b"")
    with refused(r"^trial 7 has no model any more; kept are those of \[4, 10\]$"):
        export_entry(study, best_of(0.5, number=7), folder.best)
    assert not folder.best.exists()


@pytest.mark.parametrize("below", [False, True])
def test_a_file_in_the_folders_place_is_refused(below, study, folder, best, tmp_path, refused):
    file = tmp_path / "file"
    file.write_text("mine")
    with refused("^--out must be a folder that can be written to, got "):
        export_entry(study, best, file / "out" if below else file)
    assert file.read_text() == "mine"
