"""``bcauto evaluate``, from a user's chair, on one export that all tests share."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.keras

MODEL = "studies/tiny-tiny/best"


@pytest.fixture(scope="module")
def searched(search_once):
    folder, _ = search_once("--trials", "1", "--executor", "inline")
    study = folder / "studies" / "tiny-tiny"
    (study / "best").mkdir()  # as an export would be, without the time that it takes
    shutil.copy(study / "models" / "0.keras", study / "best" / "model.keras")
    shutil.copy(study / "fingerprints.npz", study / "best")
    return folder


@pytest.fixture
def home(searched, tmp_path):
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_out_holds_all_that_is_known(command, home, test_npz):
    ran = command("evaluate", MODEL, "--data", test_npz, "--out", "new/report", "--json")
    assert (ran.code, ran.err) == (0, "")
    scores, report = json.loads(ran.out), home / "new" / "report"
    assert scores["out"] == "new/report"
    assert scores["seen"] == {"trained_on": 0, "validated_on": 0, "intruders": 0}
    table = pd.read_csv(report / "predictions.csv")
    assert table["file"].tolist() == [f"{test_npz}[{at}]" for at in range(40)]
    assert (table["class"] == table["true_class"]).mean() == pytest.approx(scores["accuracy"])
    assert table["seen"].isna().all()
    written = json.loads((report / "scores.json").read_text())
    assert written == {
        key: value for key, value in scores.items() if key not in ("model", "study", "out")
    }
    classes = pd.read_csv(report / "classes.csv")
    assert classes["recall"].tolist() == pytest.approx(
        list(scores["per_class_recall"].values()), nan_ok=True
    )


def test_pictures_that_the_model_was_made_with_are_pointed_out(command, home):
    ran = command("evaluate", MODEL, "--data", "tiny.npz")
    assert ran.code == 0, ran.err
    assert "warning: the model was trained on 108 of them and chosen by 12, so that" in ran.out
    images = np.load(home / "tiny.npz")
    np.savez(home / "few.npz", images=images["images"][:30], labels=images["labels"][:30])
    seen = json.loads(command("evaluate", MODEL, "--data", "few.npz", "--json").out)["seen"]
    assert seen["trained_on"] + seen["validated_on"] == 30
    study = home / "studies" / "tiny-tiny"
    (study / "best" / "fingerprints.npz").unlink()
    again = command("evaluate", "tiny-tiny", "--data", "few.npz", "--json")
    assert json.loads(again.out)["seen"] == seen  # by the study's own
    (study / "fingerprints.npz").unlink()
    assert json.loads(command("evaluate", MODEL, "--data", "few.npz", "--json").out)["seen"] is None


def test_of_a_study_the_kept_model_is_scored_where_none_is_exported(command, home, test_npz):
    exported = json.loads(command("evaluate", MODEL, "--data", test_npz, "--json").out)
    shutil.rmtree(home / MODEL)
    ran = command("evaluate", "tiny-tiny", "--data", test_npz)
    assert ran.code == 0, ran.err
    kept = home / "studies" / "tiny-tiny" / "models" / "0.keras"
    assert ran.out.startswith(f"model: {kept.relative_to(home)}, kept of trial 0 of study")
    assert f"accuracy {exported['accuracy']:.4f}" in ran.out


@pytest.mark.parametrize("out", ["tiny.npz", ".", "tiny.npz/x"])
def test_an_output_that_is_there_is_refused_before_any_work(out, command, home, test_npz):
    before = sorted(home.rglob("*"))
    ran = command("evaluate", MODEL, "--data", test_npz, "--out", out)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bcauto: --out must be an empty folder or a new one")
    assert sorted(home.rglob("*")) == before


def test_after_a_refusal_no_folder_is_left(command, home):
    (home / "few.npz").write_bytes(b"x")
    ran = command("evaluate", MODEL, "--data", "few.npz", "--out", "new/report")
    assert ran.code == 2
    assert not (home / "new").exists()
