"""``bcauto search --hypermodel`` on hypermodels as KerasTuner's tutorials write them."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from bcauto.errors import BadInput
from bcauto.hardware import count_cores
from bcauto.recipe.recipe import read_recipe

pytestmark = pytest.mark.keras

TUTORIALS = Path(__file__).parents[1] / "hypermodels" / "tutorial_models.py"
SPACE = """
[recipe.training]
epochs = 2
batch_size = 18

[search]
"augment.randaugment.magnitude" = { low = 0.0, high = 0.2 }

[proxy]
severities = [3]
copies = 3
held_out_copies = 1

[confirm]
top = 0
"""


@pytest.fixture
def folder(tmp_path, tiny_npz):
    """A user's folder: the module, the data, and a space of all but the model."""
    shutil.copy(TUTORIALS, tmp_path)
    (tmp_path / "mine.toml").write_text(SPACE)
    return tmp_path


@pytest.fixture
def describe_here(monkeypatch):
    """Has hypermodels described in this process, where TensorFlow is there already."""

    def ask(request):
        from bcauto.hypermodels.describe import describe
        from bcauto.training.device import start_keras

        start_keras(count_cores())
        monkeypatch.syspath_prepend(request.pop("folder"))
        try:
            return json.loads(json.dumps({"table": describe(**request)}))
        except BadInput as error:
            return {"refused": str(error)}

    return lambda: monkeypatch.setattr("bcauto.hypermodels.discover._ask_child", ask)


@pytest.fixture
def search(command, folder):
    """Searches for one trial or more; further arguments may be given."""

    def run(name, *more, trials=1):
        given = ("--hypermodel", f"tutorial_models:{name}", "--data", "tiny.npz")
        given += ("--space", "mine.toml", "--executor", "inline", "--trials", trials)
        return command("search", *given, *more)

    return run


@pytest.mark.parametrize(
    ("name", "epochs", "asked"),
    [
        ("build_model", 2, {"num_layers", "units_0", "units_1", "units_2", "lr"}),
        ("ConvolutionalModel", 2, {"conv/kernel", "pooling", "learning_rate"}),
        ("ConditionalModel", 2, {"model_type", "units", "rate"}),
        ("FittingModel", 2, {"model_type", "batch_size"}),
        ("LoopingModel", 2, {"model_type", "size"}),
        ("TapeModel", 2, {"units", "batch_size", "rate"}),
    ],
)
def test_whole_way_of_a_tutorials_hypermodel(
    name, epochs, asked, search, command, folder, test_npz, describe_here
):
    if name != "build_model":
        describe_here()
    ran = search(name, "--input-scale", 1, trials=2 if name == "build_model" else 1)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert "weights the hypermodel's own" in ran.out
    study = folder / "studies" / f"tiny-{name}"
    searched = tomllib.loads((study / "space.toml").read_text())["search"]
    assert {f"model.values.{one}" for one in asked} <= searched.keys()
    assert "augment.randaugment.magnitude" in searched

    formats = ("--format", "onnx,savedmodel") if name == "ConvolutionalModel" else ()
    best = json.loads(command("best", "--export", *formats, "--json").out)
    assert [each["file"] for each in best.get("formats", ())][1:] == (
        ["model.onnx", "saved_model"] if formats else []
    )
    recipe = read_recipe(study / "best" / "recipe.toml")
    assert recipe.model_dump(mode="json") == best["recipe"]
    assert recipe.model.hypermodel == f"tutorial_models:{name}"
    assert recipe.model.input_scale == 1
    scores = json.loads(command("evaluate", study / "best", "--data", test_npz, "--json").out)
    assert scores["n"] == 40
    assert scores["accuracy"] == pytest.approx(best["model"]["clean_accuracy"], abs=0.35)
    manifest = json.loads((study / "best" / "manifest.json").read_text())
    assert manifest["search"]["run"]["epochs"] == epochs
    assert [stage["name"] for stage in manifest["search"]["run"]["stages"]] == ["hypermodel"]


def test_a_search_goes_on_and_refuses_what_differs(search, command, folder, describe_here):
    describe_here()
    assert search("ConditionalModel", trials=2).code == 0
    more = command("search", "--study", "tiny-ConditionalModel", "--trials", 3)
    assert more.code == 0, more.err
    assert "going on: 2 trials are finished" in more.out
    status = json.loads(command("status", "--json").out)
    assert status["trials"]["complete"] + status["trials"]["pruned"] == 3

    other = search("FittingModel", "--study", "tiny-ConditionalModel")
    assert other.code == 2
    assert "hypermodel (study: tutorial_mod" in other.err
    scaled = search("ConditionalModel", "--input-scale", 1)
    assert scaled.code == 2
    assert "space (study: " in scaled.err
    assert "input scale (study: 255, now: 1)" in scaled.err


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tutorials:build_model", "current folder, or installed, got 'tutorials'"),
        ("tutorial_models:broken", "(ValueError: kernel size must be odd and more lines)"),
        ("tutorial_models:sometimes_lambda", "with scaling = 'lambda', build must return a model"),
    ],
)
def test_what_is_no_hypermodel_of_the_data_is_refused(
    reference, message, command, folder, describe_here
):
    if reference != "tutorial_models:broken":
        describe_here()
    ran = command("search", "--hypermodel", reference, "--data", "tiny.npz")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not (folder / "studies").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hypermodel", "nothing"), "must be package.module:Name, got 'nothing'"),
        (("--input-scale", 1), "--input-scale goes with --hypermodel only, got 1"),
        (
            ("--hypermodel", "a:b", "--input-scale", 2),
            "--input-scale: '2' is not one of '1', '255'",
        ),
        (
            ("--hypermodel", "a:b", "--space", "quick"),
            "with --hypermodel, recipe.model.backbone must be left out",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_at_once(arguments, message, command, folder):
    ran = command("search", "--data", "tiny.npz", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_keras_tuner_that_is_missing_is_named(command, folder, monkeypatch):
    monkeypatch.setattr("bcauto.hypermodels.discover.find_spec", lambda name: None)
    ran = command("search", "--data", "tiny.npz", "--hypermodel", "tutorial_models:build_model")
    assert ran.code == 2
    assert 'needs keras-tuner, which is not installed: pip install "bcauto[keras-tuner]"' in ran.err
