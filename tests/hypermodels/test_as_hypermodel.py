"""A space of ours in KerasTuner's hands."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

import bcauto
from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Labelled
from bcauto.errors import BadInput
from bcauto.io.toml import parse
from bcauto.space.files import find_space, read_space
from bcauto.space.space import Space

pytestmark = pytest.mark.keras

TABLE = {
    "recipe": {
        "model": {"backbone": "SmallCNN", "dropout": 0.0},
        "training": {"epochs": 2, "batch_size": 16},
    },
    "search": {
        "model.head_units": [[], [16]],
        "training.optimizer": ["adam", "sgd"],
        "training.learning_rate@adam": {
            "low": 1e-3, "high": 1e-2, "log": True, "when": {"training.optimizer": "adam"},
        },
        "training.learning_rate@sgd": {
            "low": 1e-2, "high": 5e-2, "when": {"training.optimizer": "sgd"},
        },
    },
    "proxy": {"severities": [3], "copies": 4, "held_out_copies": 1},
}  # fmt: skip


@pytest.fixture
def data(tiny_cells):
    val = Labelled(255 - tiny_cells.images[:16], tiny_cells.labels[:16])
    return Dataset(tiny_cells, val, ("a", "b", "c", "d"), Cleaning(80, 0, 0, 0))


@pytest.mark.usefixtures("narrow_network")
def test_a_random_search_of_keras_tuner_trains_our_recipes(data, tmp_path, monkeypatch):
    import keras_tuner

    hypermodel = bcauto.as_hypermodel(parse(Space, TABLE), data, weights="none")
    tuner = keras_tuner.RandomSearch(
        hypermodel,
        objective=keras_tuner.Objective("objective", "max"),
        max_trials=2,
        directory=tmp_path,
        seed=1,
    )
    # It imports tensorboard, which TensorFlow no longer brings.
    monkeypatch.setattr(tuner, "_configure_tensorboard_dir", lambda *_: None)
    known = {hp.name: hp.conditions for hp in tuner.oracle.get_space().space}
    assert known.keys() == TABLE["search"].keys()
    (condition,) = known["training.learning_rate@adam"]
    assert (condition.name, condition.values) == ("training.optimizer", ["adam"])
    tuner.search(verbose=0)
    best = tuner.oracle.get_best_trials(1)[0]
    assert 0 <= best.score <= 1
    (model,) = tuner.get_best_models(1)
    from bcauto.proxy.score import score
    from bcauto.training.scoring import predict_probabilities

    again = score(hypermodel.proxy, predict_probabilities(model, hypermodel.proxy.images))
    assert again.objective == pytest.approx(best.score, abs=1e-6)


@pytest.mark.parametrize("name", ["quick", "full"])
def test_every_recipe_that_keras_tuner_draws_is_the_one_of_its_values(name):
    import keras_tuner

    from bcauto.hypermodels.as_hypermodel import SpaceHyperModel

    space = read_space(find_space(name))
    hypermodel = SimpleNamespace(space=space)
    for seed in range(20):
        hp = keras_tuner.HyperParameters()
        SpaceHyperModel.recipe(hypermodel, hp)
        for number, parameter in enumerate(hp.space):
            if hp.is_active(parameter):
                hp.values[parameter.name] = parameter.random_sample(100 * seed + number)
            else:
                hp.values.pop(parameter.name, None)
        values = SpaceHyperModel.recipe(hypermodel, hp).model_dump()
        assert {p.name for p in hp.space} == space.search.keys()
        for name in ("training.optimizer", "model.dropout", "model.backbone"):
            if name in hp.values:
                table, key = name.split(".")
                assert values[table][key] == hp.values[name]
        rate = next(v for n, v in hp.values.items() if n.startswith("training.learning_rate"))
        assert values["training"]["learning_rate"] == rate


def test_an_average_of_weights_is_refused_where_the_caller_has_data(data):
    """KerasTuner then trains by ``model.fit``, which averages none."""
    import keras_tuner

    recipe = {**TABLE["recipe"], "training": {"weight_average": 0.9}}
    space = parse(Space, {**TABLE, "recipe": recipe})
    hypermodel = bcauto.as_hypermodel(space, data, weights="none")
    rule = "^training.weight_average must be 0 where data is passed to fit, got 0.9$"
    with pytest.raises(BadInput, match=rule):
        hypermodel.fit(keras_tuner.HyperParameters(), None, data.train.images, data.train.labels)


def test_a_space_of_a_hypermodel_is_refused(data):
    space = parse(Space, {"recipe": {"model": {"hypermodel": "a:b"}}})
    with pytest.raises(BadInput, match="takes a space of networks"):
        bcauto.as_hypermodel(space, data, weights="none")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": None}, "^data must be a Dataset, an .npz file or class folders, got None$"),
        ({"space": 3}, "^space must be a Space, its name or a .toml file, got 3$"),
        ({"weights": None}, "^weights must be imagenet, none or a folder of weights, got None$"),
        ({"weights": "no/such"}, "^weights must be imagenet, none or .*, got 'no/such'$"),
        ({"seed": -1}, r"^seed must be a whole number from 0 to 2\*\*63 - 1, got -1$"),
        ({"seed": 2**63}, "^seed must be"),
        ({"seed": True}, "^seed must be .*, got True$"),
    ],
)
def test_arguments_that_break_a_rule_are_refused_as_arguments(changed, message, data, refused):
    given = {"space": parse(Space, TABLE), "data": data, "weights": "none", "seed": 0}
    with refused(message):
        bcauto.as_hypermodel(**{**given, **changed})


def test_images_too_small_for_the_space_are_refused(data, refused):
    small = Labelled(data.train.images[:, :16, :16], data.train.labels)
    images = Dataset(small, small, data.class_names, data.cleaning)
    with refused("SmallCNN takes images of at least 32 px, got 16 px: give model.image_side"):
        bcauto.as_hypermodel(parse(Space, TABLE), images, weights="none")


def test_weights_that_are_missing_are_named(data, refused, tmp_path):
    space = parse(Space, {"recipe": {"model": {"backbone": "MobileNetV2", "alpha": 0.35}}})
    with refused(f"^weights {tmp_path} lacks mobilenetv2_0.35.weights.h5"):
        bcauto.as_hypermodel(space, data, weights=str(tmp_path))


def test_bcauto_itself_waits_for_neither_keras_nor_keras_tuner():
    code = "import sys, bcauto; print({'keras', 'keras_tuner'} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
