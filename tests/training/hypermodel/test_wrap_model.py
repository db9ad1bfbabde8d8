"""The classifier around a hypermodel's model: its scaling, its labels, its probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from bcauto.errors import BadInput

pytestmark = pytest.mark.keras

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), np.uint8)


def dense(outputs, activation, loss):
    import keras

    model = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(outputs, activation=activation)]
    )
    if loss:
        model.compile("sgd", loss=loss)
    return model


def wrapped(model, classes=2, scale=255, own_fit=False):
    from bcauto.training.hypermodel.build import wrap_model

    return wrap_model(model, (8, 6), classes, scale, own_fit)


def reloaded(built, folder):
    """The classifier as it is saved and loaded again, which must predict the same."""
    import keras

    from bcauto.training.run import save_model

    save_model(built.classifier, folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    expected = built.classifier.predict(IMAGES, verbose=0)
    assert np.allclose(loaded.predict(IMAGES, verbose=0), expected, atol=1e-6)
    return loaded


def test_probabilities_are_those_of_the_model_at_its_own_scale():
    for scale in (1, 255):
        model = dense(3, "softmax", "categorical_crossentropy")
        built = wrapped(model, 3, scale)
        expected = model.predict(IMAGES / (255 / scale), verbose=0)
        assert np.allclose(built.classifier.predict(IMAGES, verbose=0), expected, atol=1e-5)
        assert np.allclose(built.images(IMAGES), IMAGES * (scale / 255), atol=1e-4)


def test_logits_become_probabilities():
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = dense(3, None, loss)
    built = wrapped(model, 3, 1)
    logits = model.predict(IMAGES / 255, verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(built.classifier.predict(IMAGES, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize("logits", [False, True])
def test_one_output_is_the_second_class(logits):
    import keras

    loss = keras.losses.BinaryCrossentropy(from_logits=logits)
    model = dense(1, None if logits else "sigmoid", loss)
    built = wrapped(model, 2, 1)
    out = model.predict(IMAGES / 255, verbose=0)
    second = 1 / (1 + np.exp(-out)) if logits else out
    got = built.classifier.predict(IMAGES, verbose=0)
    assert np.allclose(got, np.concatenate([1 - second, second], axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "outputs", "labels"),
    [
        ("sparse_categorical_crossentropy", 2, "sparse"),
        ("SparseCategoricalCrossentropy", 2, "sparse"),
        ("categorical_crossentropy", 2, "one_hot"),
        ("mse", 2, "one_hot"),
        ("binary_crossentropy", 2, "one_hot"),
        ("binary_crossentropy", 1, "binary"),
    ],
)
@pytest.mark.parametrize("form", ["name", "object"])
def test_labels_follow_the_loss(loss, outputs, labels, form):
    import keras

    given = loss if form == "name" else keras.losses.get(loss)
    built = wrapped(dense(outputs, "sigmoid", given))
    assert built.labels == labels
    targets = np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]]
    wanted = built.targets(targets)
    assert np.isfinite(built.model.train_on_batch(built.images(IMAGES), wanted))
    assert {"sparse": (5,), "one_hot": (5, 2), "binary": (5, 1)}[labels] == wanted.shape
    assert np.array_equal(wanted if labels == "sparse" else wanted[:, -1], [0, 1, 1, 0, 1])


def ending(kind):
    """A model that is not compiled and ends in one of several ways."""
    import keras

    layers = keras.layers
    inputs = keras.Input((8, 6, 3))
    logits = layers.Dense(2)(layers.Flatten()(inputs))
    outputs = {
        "linear": lambda: logits,
        "log_softmax": lambda: layers.Activation("log_softmax")(logits),
        "softmax": lambda: layers.Dense(2, activation="softmax")(logits),
        "activation": lambda: layers.Activation("softmax")(logits),
        "layer": lambda: layers.Softmax()(logits),
        "operation": lambda: keras.ops.softmax(logits),
        "function": lambda: keras.activations.softmax(logits),
        "inside": lambda: keras.Sequential([layers.Dense(2, activation="softmax")])(logits),
    }[kind]()
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("kind", "logits"),
    [
        ("linear", True),
        ("log_softmax", True),
        ("softmax", False),
        ("activation", False),
        ("layer", False),
        ("operation", False),
        ("function", False),
        ("inside", False),
    ],
)
def test_with_a_loop_of_its_own_the_last_activation_tells_logits(kind, logits):
    model = ending(kind)
    built = wrapped(model, 2, 1, own_fit=True)
    out = model.predict(IMAGES / 255, verbose=0)
    expected = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True) if logits else out
    got = built.classifier.predict(IMAGES, verbose=0)
    assert np.allclose(got, expected, atol=1e-5)
    assert np.allclose(got.sum(axis=1), 1, atol=1e-5)
    assert built.targets(np.eye(2, dtype=np.float32)[[0, 1, 1]]).tolist() == [0, 1, 1]


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_with_a_loop_of_its_own_one_output_is_the_second_class(activation):
    model = dense(1, activation, None)
    built = wrapped(model, 2, 1, own_fit=True)
    out = model.predict(IMAGES / 255, verbose=0)
    second = out if activation else 1 / (1 + np.exp(-out))
    got = built.classifier.predict(IMAGES, verbose=0)
    assert np.allclose(got, np.concatenate([1 - second, second], axis=1), atol=1e-5)
    assert built.targets(np.eye(2, dtype=np.float32)[[0, 1, 1]]).tolist() == [[0], [1], [1]]


def test_a_loss_that_is_known_counts_also_with_a_loop_of_its_own():
    built = wrapped(dense(2, None, "mse"), own_fit=True)
    assert built.labels == "one_hot"
    assert built.classifier.layers[-1].activation.__name__ == "linear"


@pytest.mark.parametrize(
    ("form", "labels"),
    [
        (["sparse_categorical_crossentropy"], "sparse"),
        ({"classes": "sparse_categorical_crossentropy"}, "sparse"),
        (["categorical_crossentropy"], "one_hot"),
    ],
)
def test_a_list_or_dictionary_of_one_loss_is_that_loss(form, labels):
    import keras

    from bcauto.training.hypermodel.build import check_loss

    inputs = keras.Input((8, 6, 3))
    outputs = keras.layers.Dense(2, "softmax", name="classes")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss=form)
    built = wrapped(model)
    check_loss(built, 2)
    assert built.labels == labels
    targets = built.targets(np.eye(2, dtype=np.float32)[[0, 1, 1, 0, 1]])
    assert np.isfinite(built.model.train_on_batch(built.images(IMAGES), targets))


def test_a_listed_loss_tells_logits():
    import keras

    built = wrapped(dense(2, None, [keras.losses.CategoricalCrossentropy(from_logits=True)]))
    assert built.classifier.layers[-1].activation.__name__ == "softmax"


@pytest.mark.parametrize(
    ("loss", "outputs", "message"),
    [
        ("own", 2, r"takes one-hot labels, or has 'sparse' in its name, got .* \(ValueError: "),
        ("sparse", 2, "takes class numbers, as its name says, got one that fails with them"),
        ("own", 1, r"takes labels of shape \(n, 1\), got one that fails"),
    ],
)
def test_a_loss_that_fails_with_the_labels_is_refused(loss, outputs, message):
    from bcauto.training.hypermodel.build import check_loss

    def own(labels, predicted):
        raise ValueError(f"cannot take {labels.shape}")

    own.__name__ = loss
    with pytest.raises(BadInput, match=f"^build must return a model whose loss {message}") as got:
        check_loss(wrapped(dense(outputs, "sigmoid", own)), 2)
    assert "\n" not in str(got.value)


@pytest.mark.parametrize("activation", ["relu", "elu", "gelu", "leaky_relu", "sigmoid", "tanh"])
def test_functions_of_tensorflow_that_keras_has_too_are_loaded(activation, tmp_path):
    import keras
    import tensorflow as tf

    layers = [keras.layers.Flatten(), keras.layers.Dense(3, getattr(tf.nn, activation))]
    model = keras.Sequential([*layers, keras.layers.Dense(2, "softmax")])
    model.compile("sgd", loss="mse")
    built = wrapped(model)
    reloaded(built, tmp_path)


def test_what_is_saved_is_plain_keras_without_an_optimizer(tmp_path):

    model = dense(2, "softmax", "categorical_crossentropy")
    built = wrapped(model, 2, 1)
    loaded = reloaded(built, tmp_path)
    assert not loaded.compiled
    assert not any(getattr(layer, "compiled", False) for layer in loaded.layers)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("uncompiled", "must return a compiled model with a loss"),
        ("three_classes", "must return a model of 2 classes, got 3 outputs"),
        ("of_digits", r"must return a model of \(32, 32, 3\) images, got one of \(28, 28, 1\)"),
        ("with_own_layer", "of Keras' own layers and functions, .*, got Doubling"),
        ("nothing", "must return a keras.Model, got NoneType"),
        ("two_outputs", "must return a model of one output, got 2 outputs"),
        ("two_inputs", "must return a model of one input, got 2 inputs"),
    ],
)
def test_what_is_no_classifier_of_the_data_is_refused(name, message, tutorials):
    from bcauto.training.hypermodel.build import wrap_model

    with pytest.raises(BadInput, match=message):
        wrap_model(getattr(tutorials, name)(None), (32, 32), 2, 255)
