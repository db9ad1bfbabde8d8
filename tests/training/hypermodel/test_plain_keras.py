"""What may be in a model that is exported, and that it can be loaded."""

from __future__ import annotations

import pytest

from bcauto.errors import BadInput

pytestmark = pytest.mark.keras


@pytest.mark.parametrize(
    ("kind", "got"),
    [
        ("lambda", "the function <lambda> of Conv2D"),
        ("function", "the function by_two of Activation"),
        ("keras' name", "the function mish of Conv2D"),
        ("tensorflow's", "the function swish"),
        ("object", "tutorial_models.Shrinking"),
        ("bound", "the method __call__"),
        ("partial", r"one that cannot be saved \(TypeError: .*\)"),
        ("regularizer", "tutorial_models.Shrinking"),
        ("initializer", "the function own_zeros of Conv2D"),
        ("wrapper", "Lambda"),
        ("inside", "the function by_two of Conv2D"),
    ],
)
def test_what_could_not_be_loaded_without_its_code_is_refused(kind, got, tutorials):
    from bcauto.training.hypermodel.build import wrap_model

    rule = "^build must return a model of Keras' own layers and functions, .* without your code"
    with pytest.raises(BadInput, match=f"{rule}, got {got}$"):
        wrap_model(tutorials.with_own_part(kind), (32, 32), 2, 255)


def test_the_check_uses_no_random_numbers(tutorials):
    import random

    import keras

    from bcauto.training.hypermodel.build import wrap_model

    model = tutorials.of_layers(keras.layers.Dropout(0.5), keras.layers.Dense(3))
    random.seed(1)
    wrap_model(model, (32, 32), 2, 255)
    sampled = random.random()
    random.seed(1)
    assert sampled == random.random()


def test_a_model_is_loaded_once_for_each_kind_of_parts(monkeypatch):
    import keras

    from bcauto.training.hypermodel.plain_keras import LoadCheck

    load, loaded = keras.saving.deserialize_keras_object, []

    def noted(config, **settings):
        loaded.append(config["class_name"])
        return load(config, **settings)

    def classifier():
        images = keras.Input((8, 6, 3))
        return keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(images)))

    load_check = LoadCheck()
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", noted)
    for model in [classifier(), classifier(), other]:
        load_check.check(model)
    assert loaded == ["Functional", "Sequential"]


def test_what_cannot_be_loaded_is_refused(monkeypatch):
    import keras

    from bcauto.training.hypermodel.plain_keras import LoadCheck

    def broken(config, **_):
        raise KeyError("no such part")

    monkeypatch.setattr(keras.saving, "deserialize_keras_object", broken)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
    with pytest.raises(BadInput, match=r"can be loaded when it is exported \(KeyError: 'no such"):
        LoadCheck().check(model)
