"""What ``import bcauto`` gives: quickly, by name, and with types."""

import subprocess
import sys
from pathlib import Path

import pytest

import bcauto

ROOT = Path(__file__).parents[2]
HEAVY = {"keras", "tensorflow", "ray", "optuna", "pandas", "numpy", "pydantic", "typer", "rich"}

USER = """
import numpy as np
import bcauto

images, labels = np.zeros((4, 32, 32, 3), np.uint8), np.arange(4)



study = bcauto.search((images, labels), class_names=["a", "b"], space="quick", trials=8)
study = bcauto.search("train.npz", timeout="2h", keep="all", executor="inline")
study = bcauto.open_study("cells", studies_dir="studies")
low, high = study.best.interval
rate: float = study.best.recipe.training.learning_rate
share: float = study.importances()["training.learning_rate"]
best_value: float = study.optuna.best_value
folder: str = study.export("out", formats=["onnx"]).folder.name
scores = bcauto.evaluate(study.load_model(), (images, labels)).scores
objective: float = bcauto.train("deepl", "train.npz", scale="small", seed=3).objective
stages = [recipe.training.epochs for recipe in bcauto.Space("full").sample(3)]
try:
    bcauto.predict("cells", ["a.png", "b.png"])
except bcauto.BadInput as error:
    print(error)
"""
WRONG = {
    'bcauto.search("train.npz", trials="many")': "arg-type",
    'bcauto.search("train.npz", trialz=3)': "call-arg",
    'bcauto.search("train.npz", executor="dask")': "arg-type",
    "bcauto.open_study(3)": "arg-type",
    'bcauto.open_study("cells").export(formats=["onnx"], viewz=True)': "call-arg",
}


def test_every_name_can_be_imported_and_is_listed():
    assert {*bcauto.__all__} <= {*dir(bcauto)}
    for name in bcauto.__all__:
        assert getattr(bcauto, name) is not None
    assert bcauto.__version__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'bcauto' has no attribute 'serach'"):
        bcauto.serach  # noqa: B018


def test_importing_bcauto_imports_nothing_heavy():
    code = f"import sys, bcauto; print(sorted({HEAVY} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_function_stays_one_after_it_was_used():
    """A package of the same name would take its place as soon as it is imported."""
    for name in ("search", "train", "predict", "evaluate"):
        assert callable(getattr(bcauto, name))
        assert callable(getattr(__import__("bcauto"), name))


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Checks texts as users' files, with what an earlier run has read; gives what is said."""
    api = pytest.importorskip("mypy.api")

    def check(*texts):
        folder = tmp_path_factory.mktemp("user")
        files = [folder / f"user_{number}.py" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        options = ["--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
        cache = ["--cache-dir", str(ROOT / ".mypy_cache"), "--hide-error-context"]
        said, errors, _ = api.run([*options, *cache, *map(str, files)])
        assert not errors, errors
        return [[line for line in said.splitlines() if file.name in line] for file in files]

    return check


def test_mypy_checks_a_file_that_uses_bcauto(mypy):
    right, *wrong = mypy(USER, *(f"import bcauto\n{line}\n" for line in WRONG))
    assert right == []
    assert [said[0].rpartition("[")[2].rstrip("]") for said in wrong] == [*WRONG.values()]
