"""``bcauto train``: one recipe, from a user's chair."""

import json

import cv2
import numpy as np
import pytest

from bcauto.errors import BadInput
from bcauto.recipe.recipe import read_recipe

RECIPE = """
[model]
backbone = "SmallCNN"

[training]
batch_size = 18
learning_rate = 3e-3
stages = [{ epochs = 1 }, { epochs = 1 }]
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def train(command, tiny_npz, recipe):
    def run(*arguments):
        return command("train", recipe.name, "--data", tiny_npz.name, *arguments)

    return run


@pytest.mark.keras
def test_it_prints_one_object_and_the_same_seed_gives_the_same(train):
    runs = [train("--json", "--seed", seed) for seed in (3, 3, 4)]
    assert [run.code for run in runs] == [0, 0, 0], runs[0].err
    found = [json.loads(run.out) for run in runs]
    keys = {"recipe", "objective", "clean_accuracy", "held_out", "seconds"}
    assert set(found[0]) == keys
    assert found[0]["recipe"] == "mine.toml"
    scores = [{key: each[key] for key in keys - {"seconds"}} for each in found]
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.keras
def test_what_it_leaves_can_be_evaluated(train, command, tmp_path, test_npz):
    ran = train("--out", "kept")
    assert ran.code == 0, ran.err
    first, second, *_ = ran.out.splitlines()
    assert first.startswith("training SmallCNN on ")
    assert second.startswith("epoch 1 of 2: score ")
    assert "mine.toml (SmallCNN): objective 0." in ran.out
    kept = tmp_path / "kept"
    assert sorted(file.name for file in kept.iterdir()) == [
        "fingerprints.npz",
        "manifest.json",
        "model.keras",
        "recipe.toml",
    ]
    assert read_recipe(kept / "recipe.toml") == read_recipe(tmp_path / "mine.toml")
    scores = json.loads((kept / "manifest.json").read_text())["model"]
    assert [stage["epochs"] for stage in scores["run"]["stages"]] == [1, 1]
    assert f"objective {scores['objective']:.4f}" in ran.out
    evaluated = command("evaluate", "kept", "--data", test_npz, "--json")
    assert evaluated.code == 0, evaluated.err
    found = json.loads(evaluated.out)
    assert (found["n"], found["seen"]["trained_on"]) == (40, 0)
    on_its_own = json.loads(command("evaluate", "kept", "--data", "tiny.npz", "--json").out)["seen"]
    assert on_its_own["trained_on"] + on_its_own["validated_on"] == 120


@pytest.mark.keras
def test_what_it_leaves_knows_the_classes(train, command, tmp_path, tiny_npz):
    with np.load(tiny_npz) as file:
        data = dict(file)
    np.savez(tiny_npz, **data, class_names=["bright", "dark"])
    assert train("--out", "kept").code == 0
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert (manifest["class_names"], manifest["image_size"]) == (["bright", "dark"], [32, 32])
    swapped = {**data, "labels": 1 - data["labels"], "class_names": ["dark", "bright"]}
    np.savez("swapped.npz", **swapped)
    scores = [command("evaluate", "kept", "--data", f, "--json") for f in (tiny_npz, "swapped.npz")]
    assert scores[0].code == 0, scores[0].err
    assert scores[1].out == scores[0].out
    np.savez("other.npz", **data, class_names=["dark", "bribht"])
    refused = command("evaluate", "kept", "--data", "other.npz")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "'bribht' is not a class of the model; did you mean 'bright'" in refused.err


@pytest.mark.keras
def test_evaluate_reads_pictures_as_the_training_did(command, recipe, tmp_path, tiny_npz):
    with np.load(tiny_npz) as file:
        images, labels = file["images"], file["labels"]
    wide = np.concatenate([255 - images[:, :, :16], images, 255 - images[:, :, 16:]], axis=2)
    (tmp_path / "wide").mkdir()
    for index, image in enumerate(wide):
        deep = image[..., ::-1].astype(np.uint16) * 16  # of a camera of 12 bits
        cv2.imwrite(str(tmp_path / "wide" / f"{index}.png"), deep)
    rows = "".join(f"{index},{label}\n" for index, label in enumerate(labels))
    (tmp_path / "labels.csv").write_text(rows)
    data = ("--data", "wide", "--labels", "labels.csv")
    trained = command(
        "train", recipe.name, *data, "--image-size", 32, "--resize", "crop", "--out", "kept"
    )
    assert trained.code == 0, trained.err
    manifest = json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert (manifest["resize"], manifest["bits"]) == ("crop", 12)
    scores = [command("evaluate", "kept", *of, "--json") for of in (data, ("--data", tiny_npz))]
    assert scores[0].code == 0, scores[0].err
    assert json.loads(scores[0].out) == json.loads(scores[1].out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deepll",), "unknown recipe 'deepll'; did you mean 'deepl'"),
        (("none.toml",), "none.toml: cannot be read"),
        (("mine.toml", "--seed", "-1"), "--seed must be greater than or equal to 0, got '-1'"),
        (("mine.toml", "--scale", "tiny"), "--scale: 'tiny' is not one of 'full', 'small'"),
        (
            ("mine.toml", "--image-size", "4"),
            "--image-size must be greater than or equal to 8, got '4'",
        ),
        (("mine.toml", "--out", "mine.toml"), "--out must be an empty folder or a new one"),
        (("mine.toml", "--out", ""), "no argument may be empty, got --out ''"),
        (
            ("mine.toml", "--out", "mine.toml/deep"),
            "a new one that can be written to, got 'mine.toml/deep' (not a directory)",
        ),
        (("mine.toml", "--out", "/proc/x/y"), "can be written to, got '/proc/x/y' ("),
        (("mine.toml", "--out", "x" * 300), "(file name too long)"),
        (("mine.toml", "--weights", ""), "no argument may be empty, got --weights"),
        (("mine.toml", "--data", "none.npz"), "none.npz"),
        (("machine_dumbening_inceptionv3", "--data", "tiny.npz", "--weights", "none"), "75 px"),
        (("deepl", "--weights", "."), "vgg16.weights.h5"),
    ],
)
def test_refusals(command, recipe, tiny_npz, arguments, said):
    ran = command("train", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_a_folder_is_made_before_the_training_and_goes_where_nothing_comes_of_it(
    command, recipe, tmp_path, monkeypatch
):
    seen = []

    def train_recipe(*_):
        seen.append((tmp_path / "new" / "deep").is_dir())
        raise BadInput("no data")

    monkeypatch.setattr("bcauto.api.train.train_recipe", train_recipe)
    ran = command("train", recipe.name, "--out", "new/deep")
    assert (ran.code, seen) == (2, [True])
    assert not (tmp_path / "new").exists()


def test_nothing_is_trained_where_the_result_could_not_be_kept(command, recipe, monkeypatch):
    monkeypatch.setattr("bcauto.api.train.train_recipe", lambda *_: pytest.fail("it trains"))
    assert command("train", recipe.name, "--out", f"{recipe.name}/deep").code == 2


def test_an_empty_folder_of_the_users_stays(command, recipe, tmp_path):
    (tmp_path / "mine").mkdir()
    assert command("train", recipe.name, "--data", "none.npz", "--out", "mine").code == 2
    assert (tmp_path / "mine").is_dir()
