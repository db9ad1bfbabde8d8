"""What a hypermodel's module changes for the whole process stays within it."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.recipe.network import Hypermodel
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.training.trainer import Payload, Trainer
from bcauto.trial import Job

pytestmark = pytest.mark.keras

GREEDY = """
import argparse
import io
import logging
import os
import signal
import sys
import warnings

import keras
import numpy as np
import tensorflow

keras.utils.set_random_seed(1)


def change_all():
    tensorflow.config.run_functions_eagerly(True)
    keras.config.set_floatx("float64")
    keras.config.set_epsilon(0.1)
    keras.config.set_image_data_format("channels_first")
    keras.config.set_dtype_policy("mixed_bfloat16")
    logging.basicConfig(level=logging.DEBUG, force=True)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    os.chdir("/")
    os.environ["KERAS_BACKEND"] = "numpy"
    np.seterr(all="ignore", under="warn")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setrecursionlimit(5000)
    sys.stdout = sys.stderr = io.StringIO()


change_all()
arguments = argparse.ArgumentParser()
arguments.add_argument("--units", type=int, default=8)
units = arguments.parse_args().units


def plain(hp):
    model = keras.Sequential([
        keras.Input((32, 32, 3)),
        keras.layers.Flatten(),
        keras.layers.Dense(units, "relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(2, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def greedy(hp):
    change_all()
    return plain(hp)
"""


@pytest.fixture
def trainer(tiny_cells, tmp_path, monkeypatch):
    """Trains on two of the classes; its module was never imported."""
    cells = tiny_cells.take(np.flatnonzero(tiny_cells.labels < 2))
    train, val = cells.take(range(24)), cells.take(range(24, 32))
    data = Dataset(train, val, ("a", "b"), Cleaning(32, 0, 0, 0))
    config = ProxyConfig(
        families=("colour",), held_out=("blur",), severities=(2,), copies=3, held_out_copies=1
    )
    proxy = make_proxy(val.images, val.labels, config, 0)
    (tmp_path / "greedy_module.py").write_text(GREEDY)
    monkeypatch.setattr(sys, "argv", ["bcauto", "search", "--no-such-option"])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield Trainer(Payload(data, proxy, Weights("none")), threads=1)
    sys.modules.pop("greedy_module", None)


@pytest.fixture
def run(trainer, tmp_path):
    """Runs a trial of a function of the module; gives what it reported, its result, its model."""

    def of(name):
        model = Hypermodel(hypermodel=f"greedy_module:{name}", values={}, input_scale=1)
        recipe = Recipe(model=model, training=Training(epochs=2, batch_size=8))
        reports = []
        path = tmp_path / "trial.keras"
        result = trainer.run(Job(0, recipe, 3, path), lambda *one: reports.append(one))
        return reports, result, path

    return of


def globals_of_the_process():
    import keras
    import tensorflow

    config, root = keras.config, logging.root
    return (
        *(config.floatx(), config.epsilon(), config.image_data_format()),
        *(config.dtype_policy().name, sys.argv[:], warnings.filters[:]),
        *(root.level, root.handlers[:], root.manager.disable),
        tensorflow.config.functions_run_eagerly(),
        *(Path.cwd(), os.environ["KERAS_BACKEND"], np.geterr(), signal.getsignal(signal.SIGTERM)),
        *(sys.getrecursionlimit(), sys.stdout, sys.stderr),
    )


@pytest.mark.parametrize("name", ["plain", "greedy"])
def test_nothing_leaks_out_of_a_trial(run, name):
    before = globals_of_the_process()
    run(name)
    assert globals_of_the_process() == before


def test_the_trial_that_imports_the_module_is_as_the_others(run):
    import keras

    (first, one, _), (again, two, _) = run("plain"), run("plain")
    run("greedy")
    random.seed(5)
    keras.utils.set_random_seed(6)
    last, three, _ = run("plain")
    assert first == again == last
    assert one.scores == two.scores == three.scores


def test_what_a_build_made_in_other_floats_is_handed_over_in_float32(run, trainer):
    import keras

    _, result, path = run("greedy")
    model = keras.saving.load_model(path)
    assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    val = trainer.payload.data.val
    probabilities = model.predict(val.images.astype(np.float32), verbose=0)
    assert probabilities.dtype == np.float32
    assert np.mean(probabilities.argmax(1) == val.labels) == result.clean_accuracy


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_a_copy_in_float32_computes_the_same(policy):
    import keras

    from bcauto.training.hypermodel.float32 import in_float32

    inside = keras.Sequential([keras.layers.Conv2D(4, 3, dtype=policy), keras.layers.ReLU()])
    inputs = keras.Input((12, 12, 3))
    features = keras.layers.BatchNormalization(dtype=policy)(inside(inputs))
    pooled = keras.ops.cast(keras.layers.Flatten(dtype=policy)(features), "float32")
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(pooled))
    copy = in_float32(model)
    images = np.random.default_rng(0).uniform(0, 1, (4, 12, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(copy(images), model(images), atol=0.02)
    assert {weight.dtype for weight in copy.weights} == {"float32"}
    assert in_float32(copy) is copy


def test_a_module_that_ends_the_process_is_refused_in_one_line(tmp_path, monkeypatch, refused):
    from bcauto.training.hypermodel.load import import_module_of

    (tmp_path / "ends_all.py").write_text("import sys\nsys.exit('no GPU here')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with refused(r"ends_all cannot be imported \(SystemExit: no GPU here\)"):
        import_module_of("ends_all:build")
