from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.recipe.network import Head

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(2, 3, (5, 4, 6, 32)).astype(np.float32)


@pytest.fixture
def built(keras):
    def make(**settings) -> Any:
        from bcauto.models.head import build_head

        inputs = keras.Input((4, 6, 32))
        return keras.Model(inputs, build_head(inputs, Head(**settings), 3))

    return make


def kinds(model):
    return [type(layer).__name__ for layer in model.layers[1:]]


def up_to(keras, model, name, features):
    """What the first layer of that name gives."""
    [layer, *_] = [one for one in model.layers if one.name.startswith(name)]
    return np.asarray(keras.Model(model.input, layer.output)(features))


def test_a_plain_head_is_pooling_dropout_and_softmax(built):
    assert kinds(built()) == ["GlobalAveragePooling2D", "Dropout", "Dense"]


@pytest.mark.parametrize(
    ("pooling", "by_definition"),
    [
        ("average", lambda x: x.mean(axis=(1, 2))),
        ("max", lambda x: x.max(axis=(1, 2))),
        ("flatten", lambda x: x.reshape(len(x), -1)),
    ],
)
def test_pooling_is_as_defined(pooling, by_definition, built, keras, features):
    pooled = up_to(keras, built(pooling=pooling), "pool", features)
    np.testing.assert_allclose(pooled, by_definition(features), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("normalization", "layer"), [("batch", "BatchNormalization"), ("layer", "LayerNormalization")]
)
def test_a_dense_layer_is_followed_by_norm_activation_and_dropout(normalization, layer, built):
    model = built(head_units=(24, 8), normalization=normalization, dropout=(0.1, 0.2, 0.3))
    dense = ["Dense", layer, "Activation", "Dropout"]
    assert kinds(model) == ["GlobalAveragePooling2D", "Dropout", *dense, *dense, "Dense"]
    rates = [one.rate for one in model.layers if type(one).__name__ == "Dropout"]
    assert rates == [0.1, 0.2, 0.3]
    units = [one.units for one in model.layers if type(one).__name__ == "Dense"]
    assert units == [24, 8, 3]


def gelu(x):
    """Exactly, not by tanh (Hendrycks and Gimpel 2016)."""
    from math import erf

    return x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2


@pytest.mark.parametrize(
    ("activation", "by_definition"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("gelu", gelu),
    ],
)
def test_activations_are_as_defined(activation, by_definition, built, keras, features):
    model = built(head_units=(16,), activation=activation)
    before = up_to(keras, model, "dense", features)
    assert before.min() < 0 < before.max()
    after = up_to(keras, model, "activation", features)
    np.testing.assert_allclose(after, by_definition(before), rtol=1e-5, atol=1e-5)


def test_squeeze_and_excitation_is_as_defined(built, keras, features):
    """Hu et al. 2018: channels times sigmoid(W2 relu(W1 mean))."""
    model = built(squeeze_excitation=True)
    (w1, b1), (w2, b2) = (model.get_layer(name).get_weights() for name in ("reduce", "excite"))
    assert (w1.shape, w2.shape) == ((32, 2), (2, 32))  # a sixteenth
    mean = features.mean(axis=(1, 2), keepdims=True)
    weights = 1 / (1 + np.exp(-(np.maximum(mean @ w1 + b1, 0) @ w2 + b2)))
    excited = up_to(keras, model, "excited", features)
    np.testing.assert_allclose(excited, features * weights, rtol=1e-4, atol=1e-4)


def test_features_are_normalized_before_they_are_excited_and_pooled(built):
    model = built(feature_normalization="batch", squeeze_excitation=True)
    assert kinds(model)[0] == "BatchNormalization"
    assert model.layers[1].input.shape == (None, 4, 6, 32)
    assert model.get_layer("squeeze").input is model.layers[1].output


def test_what_is_pooled_is_normalized_before_dropout(built, keras, features):
    model = built(pooled_normalization="layer")
    assert kinds(model)[:3] == ["GlobalAveragePooling2D", "LayerNormalization", "Dropout"]
    normalized = up_to(keras, model, "layer_normalization", features)
    np.testing.assert_allclose(normalized.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.std(axis=1), 1, atol=1e-2)


def test_l2_is_of_the_dense_kernels_alone(built):
    model = built(head_units=(8,), l2=0.01, squeeze_excitation=True, pooled_normalization="batch")
    kernels = [
        layer.kernel for layer in model.layers if layer.name.startswith(("dense", "classes"))
    ]
    assert len(kernels) == 2
    expected = 0.01 * sum(float(np.square(np.asarray(kernel)).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_a_head_of_every_kind_is_plain_keras(built, keras, features, tmp_path):
    model = built(
        pooling="flatten",
        head_units=(8, 4),
        normalization="batch",
        activation="gelu",
        dropout=(0.0, 0.5, 0.1),
        squeeze_excitation=True,
        feature_normalization="batch",
        pooled_normalization="layer",
        l2=1e-3,
    )
    model.save(tmp_path / "head.keras")
    again = keras.saving.load_model(tmp_path / "head.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(features)), np.asarray(model(features)))
