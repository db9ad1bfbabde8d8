"""What is known of a hypermodel's space, against what KerasTuner's own tuner finds."""

from __future__ import annotations

import itertools
import random

import pytest

from bcauto.io.toml import parse
from bcauto.space.space import Space

pytestmark = pytest.mark.keras

MODEL = {"recipe": {"model": {"hypermodel": "any:build"}}}
SHAPE = (32, 32, 3)


def explored(build):
    return explore_it(build).known


def explore_it(build):
    import keras_tuner

    from bcauto.hypermodels.explore import explore

    hypermodel = build
    if not isinstance(build, keras_tuner.HyperModel):
        hypermodel = keras_tuner.HyperModel()
        hypermodel.build = build
    return explore(hypermodel, hypermodel.build)


def space_of(build):
    from bcauto.hypermodels.hyperparameters import as_table

    return parse(Space, {**MODEL, **as_table(explored(build))})


def by_keras_tuner(hypermodel, folder, **values):
    """The space that a RandomSearch begins with, and that after a build at other values."""
    import keras_tuner

    tuner = keras_tuner.RandomSearch(hypermodel, objective="val_loss", directory=folder)
    if values:
        hp = tuner.oracle.get_space()
        hp.values |= values
        tuner.hypermodel.build(hp)
        tuner.oracle.update_space(hp)
    return configs(tuner.oracle.get_space())


def configs(hp):
    return sorted(repr((type(p).__name__, p.get_config())) for p in hp.space)


def stub(build):
    """``build`` for what asks only for hyperparameters; KerasTuner wants a model too."""
    import keras

    def built(hp):
        build(hp)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    return built


@pytest.mark.parametrize("name", ["ConvolutionalModel", "ConditionalModel"])
def test_the_space_is_the_one_that_keras_tuner_finds(name, tutorials, tmp_path):
    kind = getattr(tutorials, name)
    made = kind(SHAPE, 2) if name == "ConvolutionalModel" else kind()
    assert configs(explored(made)) == by_keras_tuner(made, tmp_path)


def test_what_a_loop_asks_for_is_known_from_the_start(tutorials, tmp_path):
    found = configs(explored(tutorials.build_model))
    assert found == by_keras_tuner(tutorials.build_model, tmp_path, num_layers=3)
    assert set(by_keras_tuner(tutorials.build_model, tmp_path / "other")) < set(found)


def nested(hp):
    kind = hp.Choice("kind", ["a", "b", "c"])
    with hp.conditional_scope("kind", ["a", "b"]):
        if kind in ("a", "b"):
            depth = hp.Int("depth", 1, 4)
            with hp.conditional_scope("depth", [3, 4]):
                if depth in (3, 4):
                    hp.Float("deep", 0.0, 1.0)
    if kind == "c":
        for number in range(hp.Int("count", 0, 2)):
            hp.Boolean(f"flag{number}")


def test_scopes_within_scopes_and_loops_behind_a_choice_are_found(tmp_path):
    space = space_of(nested)
    assert by_keras_tuner(stub(nested), tmp_path, kind="c", count=2) == configs(explored(nested))
    assert {name.removeprefix("model.values.") for name in space.search} == {
        "kind", "depth", "deep", "count", "flag0", "flag1",
    }  # fmt: skip
    assert space.search["model.values.deep"].when == {"model.values.depth": [3, 4]}
    deep = {"model.values.kind": "a", "model.values.depth": 3, "model.values.deep": 0.5}
    assert space.at(deep).model.values["deep"] == 0.5
    assert "deep" not in space.at({"model.values.kind": "c"}).model.values


def test_a_condition_that_never_holds_ends_the_exploring():
    def build(hp):
        hp.Int("a", 1, 2)
        with hp.conditional_scope("a", [7]):
            hp.Float("never", 0.0, 1.0)

    assert list(space_of(build).search) == ["model.values.a"]


def every_kind(hp):
    hp.Int("plain", 3, 9)
    hp.Int("steps", 6, 13, step=3)
    hp.Int("log", 1, 100, sampling="log")
    hp.Int("log steps", 2, 33, step=2, sampling="log")
    hp.Float("float", 0, 1)
    hp.Float("float/steps", 0.0, 1.0, step=0.3)
    hp.Float("a.b@c%", 1e-4, 1e-1, sampling="log")
    hp.Float("reverse", 0.5, 0.99, sampling="reverse_log", default=0.9)
    hp.Choice("choice", [0.5, 0.25], default=0.25)
    hp.Boolean("boolean")
    hp.Fixed("fixed", "x")


def test_every_kind_becomes_the_dimension_with_the_same_values():
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    every_kind(hp)
    space = space_of(every_kind)
    assert space.search.keys() >= {"model.values.a%2Eb%40c%25", "model.values.float/steps"}
    for parameter, dimension in zip(hp.space, space.search.values(), strict=True):
        if dimension.count is None:
            ends = (parameter.min_value, parameter.max_value)
            assert (dimension.low, dimension.high) == ends
        elif parameter.name not in ("log", "plain"):
            assert sorted(dimension.every()) == pytest.approx(sorted(parameter.values)) or (
                set(dimension.every()) == set(parameter.values)
            )
    values = space.at(space.start[0]).model.values
    assert values == hp.values  # KerasTuner's defaults, by KerasTuner's names
    assert {n: type(v) for n, v in values.items()} == {n: type(v) for n, v in hp.values.items()}


@pytest.mark.parametrize(
    ("ask", "started"),
    [
        (lambda hp: hp.Int("a", 32, 512, step=32, default=100), 96),
        (lambda hp: hp.Int("a", 32, 500, step=32, default=1000), 480),
        (lambda hp: hp.Int("a", 3, 9, default=1), 3),
        (lambda hp: hp.Int("a", 3, 9, default=4.6), 5),
        (lambda hp: hp.Int("a", 2, 33, step=2, sampling="log", default=9), 8),
        (lambda hp: hp.Float("a", 0, 0.5, step=0.1, default=0.26), 0.3),
        (lambda hp: hp.Float("a", 0.0, 0.5, step=0.2, default=0.5), 0.4),
        (lambda hp: hp.Float("a", 1e-4, 1e-2, sampling="log", default=0.1), 1e-2),
        (lambda hp: hp.Float("a", 0.5, 0.9, sampling="reverse_log", default=0), 0.5),
    ],
)
def test_a_default_that_is_no_value_starts_at_the_nearest(ask, started):
    space = space_of(ask)
    (start,) = space.start
    assert start == pytest.approx({"model.values.a": started})
    assert type(start["model.values.a"]) is type(started)


def test_a_condition_goes_by_the_value_that_is_started_with():
    def build(hp):
        hp.Int("a", 2, 8, step=2, default=9)
        with hp.conditional_scope("a", [8]):
            hp.Boolean("b")

    assert space_of(build).start == ({"model.values.a": 8, "model.values.b": False},)


def test_a_name_with_and_without_a_condition_is_one_dimension():
    def build(hp):
        hp.Choice("kind", ["a", "b"])
        hp.Int("units", 1, 3)
        with hp.conditional_scope("kind", ["b"]):
            hp.Int("units", 1, 3)

    assert list(space_of(build).search) == ["model.values.kind", "model.values.units"]


def test_one_name_under_two_conditions_makes_two_variants(tutorials):
    space = space_of(tutorials.ConditionalModel())
    assert space.search["model.values.units"].high == 32
    assert space.search["model.values.units@2"].high == 12
    cnn = {"model.values.model_type": "cnn", "model.values.units@2": 8}
    assert space.at(cnn).model.values == {
        "model_type": "cnn",
        "units": 8,
        "cnn.flat": True,
        "rate": 0,
    }


def test_names_that_differ_from_build_to_build_are_refused(refused):
    def build(hp):
        hp.Int("same", 1, 3)
        hp.Int(f"a_{random.random()}", 1, 3)

    pair = r"'a_0\.\d+' and then 'a_0\.\d+'"
    with refused(f"names of its hyperparameters differ from build to build, got {pair}$"):
        explored(build)


def test_a_name_that_only_one_of_two_builds_asks_for_is_refused(refused):
    numbers = itertools.count()

    def build(hp):
        if next(numbers):
            hp.Int("later", 1, 3)

    with refused("differ from build to build, got none of it and then 'later'$"):
        explored(build)


def test_hyperparameters_without_end_are_refused(refused, monkeypatch):
    monkeypatch.setattr("bcauto.hypermodels.explore._MOST_BUILDS", 30)

    def build(hp):
        if hp.Boolean("more"):
            hp.Int(f"a_{random.random()}", 1, 3)

    with refused(r"^30 builds must bring up .*, got \d+ and more to try, 'a_0.\d+' the newest$"):
        explored(build)


@pytest.mark.parametrize(
    ("count", "builds"), [(1, [0]), (2, [0, 1]), (16, list(range(16))), (3001, range(0, 3001, 200))]
)
def test_a_long_list_of_choices_is_built_at_its_ends_and_evenly_between(count, builds):
    built = []

    def build(hp):
        built.append(hp.Choice("n", list(range(count)), default=0))

    (dimension,) = space_of(build).search.values()
    assert dimension.count == count  # all are searched
    assert built == [0, 0, 0, *builds]


def test_every_build_that_fails_is_told_with_its_values_and_its_reason():
    from bcauto.errors import BadInput

    def build(hp):
        kind = hp.Choice("kind", ["a", "b", "c"])
        if kind == "b":
            raise RuntimeError("b is\n  not supported")
        if kind == "c" and hp.Int("depth", 1, 4) == 4:
            raise BadInput("build must return a model")

    assert explore_it(build).faults == [
        {"values": {"kind": "b"}, "reason": "RuntimeError: b is not supported"},
        {"values": {"kind": "c", "depth": 4}, "reason": "build must return a model"},
    ]


def test_what_the_hypermodel_itself_fails_is_no_fault():
    from keras_tuner.errors import FailedTrialError

    def build(hp):
        if hp.Int("units", 1, 512) == 512:
            raise FailedTrialError("too large")

    assert explore_it(build).faults == []


def test_a_build_that_fails_by_default_is_raised():
    def build(hp):
        raise RuntimeError("by default")

    with pytest.raises(RuntimeError, match="by default"):
        explored(build)
