"""``bcauto predict``, from a user's chair, on one study that all tests share."""

from __future__ import annotations

import fcntl
import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bcauto.data.resize import resize_one

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def searched(search_once):
    """The folder of a search with a confirmation of its best trial, whose model is exported."""
    folder, _ = search_once("--trials", "1", "--executor", "inline", "--confirm", "1")
    return folder


@pytest.fixture
def home(searched, tmp_path, two_classes):
    """A copy of it, with pictures of several sizes and one that is damaged."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    for number, image in enumerate(two_classes(20, 1)["images"]):
        path = tmp_path / "pics" / str(number % 3) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(image)
        (picture.resize((80, 64)) if number % 2 else picture).save(path)
    (tmp_path / "pics" / "0" / "bad.png").write_bytes(path.read_bytes()[:100])
    return tmp_path


def expected(home, model):
    """File and probabilities of each picture, by Keras and Pillow."""
    import keras

    files = sorted(file for file in (home / "pics").rglob("*.png") if file.name != "bad.png")
    images = [resize_one(np.asarray(Image.open(file)), (32, 32)) for file in files]
    found = keras.saving.load_model(home / model).predict(np.stack(images), verbose=0)
    return {str(file.relative_to(home)): row for file, row in zip(files, found, strict=True)}


def check(table, wanted):
    assert list(table.columns) == ["file", "class", "p_0", "p_1"]
    assert set(table["file"]) == set(wanted)
    probabilities = table[["p_0", "p_1"]].to_numpy()
    np.testing.assert_allclose(probabilities, [wanted[name] for name in table["file"]], atol=1e-5)
    assert table["class"].astype(int).tolist() == probabilities.argmax(axis=1).tolist()


STUDY = "tiny-tiny"
REPEAT = f"studies/{STUDY}/confirm/models/0.keras"


def test_a_study_predicts_with_its_kept_winner(command, home):
    ran = command("predict", STUDY, "pics", "--out", "found.csv")
    assert ran.code == 1  # for the damaged one
    assert f"{REPEAT}, kept of trial 0 of study {STUDY} (trained again, not exported)" in ran.out
    assert "20 pictures" in ran.out
    assert "10 had another size" in ran.out
    assert "left out pics/0/bad.png: cannot be read as a picture" in ran.out
    check(pd.read_csv(home / "found.csv"), expected(home, REPEAT))


def test_an_export_predicts_in_every_format(command, home):
    assert command("best", "--export").code == 0
    (home / "pics" / "0" / "bad.png").unlink()
    wanted = expected(home, f"studies/{STUDY}/best/model.keras")
    for given, out in [(STUDY, "a.csv"), (f"studies/{STUDY}", "b.parquet"), ("best", "c.csv")]:
        model = f"studies/{STUDY}/best" if given == "best" else given
        ran = command("predict", model, "pics", "--out", out)
        assert ran.code == 0, ran.err
        assert ("exported from trial 0 of study" in ran.out) == (given != "best")
        table = pd.read_parquet(home / out) if out.endswith("parquet") else pd.read_csv(home / out)
        check(table, wanted)
    assert command("predict", STUDY, "pics", "--out", "d.npz").code == 0
    stored = np.load(home / "d.npz")
    np.testing.assert_allclose(
        stored["probabilities"], [wanted[name] for name in stored["files"]], atol=1e-5
    )


def test_json_holds_all_and_nothing_else_is_printed(command, home):
    ran = command("predict", REPEAT, "pics", "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (1, "")
    assert found["pictures"] == 20
    assert (found["resized"], list(found["damaged"])) == (10, ["pics/0/bad.png"])
    assert sum(found["of_class"].values()) == 20
    wanted = expected(home, REPEAT)
    assert {one["file"] for one in found["predictions"]} == set(wanted)
    for one in found["predictions"]:
        np.testing.assert_allclose(one["probabilities"], wanted[one["file"]], atol=1e-5)
        assert one["class"] == found["class_names"][int(np.argmax(one["probabilities"]))]
    with_file = json.loads(command("predict", REPEAT, "pics", "--out", "x.csv", "--json").out)
    assert with_file["out"] == "x.csv"
    assert "predictions" not in with_file


def test_without_a_file_each_picture_is_a_line(command, home):
    ran = command("predict", REPEAT, "pics/0", "pics/1/1.png")
    wanted = expected(home, REPEAT)
    lines = [line.split() for line in ran.out.splitlines()[:8]]
    assert {file for _, _, file in lines} == {
        *(name for name in wanted if name.startswith("pics/0/")),
        "pics/1/1.png",
    }
    for label, most, file in lines:
        assert int(label) == wanted[file].argmax()
        assert float(most) == pytest.approx(wanted[file].max(), abs=1e-4)


def test_npz_and_zip(command, home):
    with zipfile.ZipFile(home / "pics.zip", "w") as archive:
        for file in (home / "pics" / "1").iterdir():
            archive.write(file, file.name)
    found = json.loads(command("predict", REPEAT, "tiny.npz", "pics.zip", "--json").out)
    names = [one["file"] for one in found["predictions"]]
    assert names[:2] == ["tiny.npz[0]", "tiny.npz[1]"]
    assert names[120:122] == ["pics.zip/1.png", "pics.zip/10.png"]
    labels = np.load(home / "tiny.npz")["labels"]
    right = [int(one["class"]) for one in found["predictions"][:120]] == labels
    assert right.mean() > 0.8


def export_by_hand(home, trial):
    """Put a kept model where ``best --export`` puts it."""
    best = home / "studies" / STUDY / "best"
    best.mkdir()
    shutil.copy(home / REPEAT, best / "model.keras")
    known = {"class_names": ["no", "yes"], "image_size": [12, 12], "input": "RGB"}
    (best / "manifest.json").write_text(json.dumps({"trial": trial, **known}))


def test_an_export_of_a_trial_that_no_longer_wins_is_said_to_be(command, home):
    export_by_hand(home, trial=7)
    ran = command("predict", STUDY, "pics/1")
    assert "exported from trial 7 of study" in ran.out
    assert f"trial 0 wins by now, which bcauto best {STUDY} --export exports" in ran.out


def test_a_study_that_is_still_searched_needs_an_export(command, home):
    with (home / "studies" / STUDY / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = command("predict", STUDY, "pics")
        assert ran.code == 2
        assert "is still being searched and has no exported model: wait for its end" in ran.err
        export_by_hand(home, trial=0)
        assert command("predict", STUDY, "pics/1").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "pics"), "MODEL must be a .keras file, a folder with model.keras, or a study"),
        (("tiny.npz", "pics"), "tiny.npz: not a Keras model that can be loaded"),
        ((REPEAT, "empty"), "empty: must hold at least one picture"),
        ((REPEAT, "nowhere"), "nowhere: does not exist"),
        ((REPEAT, "pics", "--out", "tiny.toml"), "--out must end in .csv, .npz, .parquet"),
        ((REPEAT, "pics", "--out", "tiny.npz"), "--out must be a new file, got tiny.npz, which"),
        ((REPEAT, "pics", "--out", "tiny.npz/x.csv"), "--out must be a new file that can be writ"),
        ((REPEAT,), "Missing argument 'PICTURES'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(arguments, said, command, home):
    (home / "empty").mkdir()
    before = sorted(home.rglob("*"))
    ran = command("predict", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert sorted(home.rglob("*")) == before


def test_where_no_picture_can_be_read_nothing_is_written(command, home):
    ran = command("predict", REPEAT, "pics/0/bad.png", "tiny.toml", "--out", "x.csv")
    assert (ran.code, ran.out) == (1, "")
    assert "PICTURES must hold a picture that can be read, got 2 that cannot" in ran.err
    assert not list(home.glob("*x*.csv"))
