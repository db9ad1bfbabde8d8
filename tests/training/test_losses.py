from __future__ import annotations

import numpy as np
import pytest

from bcauto.recipe.training import Training

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

WEIGHTS = np.array([0.5, 1.0, 2.5, 4.0])


@pytest.fixture(scope="module")
def losses():
    from bcauto.training import losses

    return losses


def soft_labels(count, seed=0):
    return np.random.default_rng(seed).dirichlet([0.5] * 4, count).astype(np.float32)


def probabilities(count, seed=1):
    return np.random.default_rng(seed).dirichlet([1.0] * 4, count).astype(np.float32)


def by_definition(targets, predicted, weights, smoothing=0.0, gamma=0.0):
    smoothed = targets * (1 - smoothing) + smoothing / targets.shape[1]
    counted = weights * smoothed * (1 - predicted) ** gamma
    return float(np.mean(-(counted * np.log(predicted)).sum(axis=1)))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_every_part_of_a_soft_label_has_its_class_weight(smoothing, gamma, losses):
    targets, predicted = soft_labels(50), probabilities(50)
    loss = float(losses.SoftCrossentropy(WEIGHTS, smoothing, gamma)(targets, predicted))
    expected = by_definition(targets, predicted, WEIGHTS, smoothing, gamma)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_without_weights_it_is_keras_crossentropy(smoothing, losses, keras):
    targets, predicted = soft_labels(50), probabilities(50)
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)(targets, predicted)
    ours = losses.SoftCrossentropy(np.ones(4), smoothing)(targets, predicted)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("hard", [True, False])
def test_with_a_gamma_it_is_keras_focal_loss(hard, smoothing, gamma, losses, keras):
    predicted, targets = probabilities(50), soft_labels(50)
    if hard:
        targets = np.eye(4, dtype=np.float32)[targets.argmax(axis=1)]
    theirs = keras.losses.CategoricalFocalCrossentropy(
        alpha=WEIGHTS.astype(np.float32), gamma=gamma, label_smoothing=smoothing
    )(targets, predicted)
    ours = losses.SoftCrossentropy(WEIGHTS, smoothing, gamma)(targets, predicted)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def dense(keras, loss):
    """A softmax layer, the same each time, which takes one step of gradient descent."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss, jit_compile=False)
    return model


def features(count=32):
    return np.random.default_rng(2).normal(size=(count, 6)).astype(np.float32)


def test_with_hard_labels_it_trains_as_keras_class_weight_does(losses, keras):
    labels = np.eye(4, dtype=np.float32)[np.random.default_rng(4).integers(0, 4, 32)]
    theirs = dense(keras, "categorical_crossentropy")
    theirs.train_on_batch(features(), labels, class_weight=dict(enumerate(WEIGHTS)))
    ours = dense(keras, losses.SoftCrossentropy(WEIGHTS))
    ours.train_on_batch(features(), labels)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_a_step_follows_the_gradient_of_the_definition(gamma, losses, keras):
    targets, inputs = soft_labels(32), features().astype(np.float64)
    model = dense(keras, losses.SoftCrossentropy(WEIGHTS, 0.1, gamma))
    kernel, bias = (weight.astype(np.float64) for weight in model.get_weights())

    def loss(kernel):
        scores = np.exp(inputs @ kernel + bias)
        return by_definition(targets, scores / scores.sum(1, keepdims=True), WEIGHTS, 0.1, gamma)

    def slope(place):
        step = np.zeros_like(kernel)
        step[place] = 1e-5
        return (loss(kernel + step) - loss(kernel - step)) / 2e-5

    model.train_on_batch(features(), targets)
    expected = np.array([slope(place) for place in np.ndindex(kernel.shape)]).reshape(kernel.shape)
    assert kernel - model.get_weights()[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 5.0])
def test_a_certain_wrong_answer_costs_much_but_not_infinitely(gamma, losses):
    loss = losses.SoftCrossentropy(np.ones(2), 0.0, gamma)
    assert 10 < float(loss(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))) < 100


@pytest.mark.parametrize("gamma", [0.0, 0.5, 5.0])
def test_a_certain_right_answer_costs_nothing_and_moves_nothing(gamma, losses, keras):
    model = dense(keras, losses.SoftCrossentropy(WEIGHTS, 0.0, gamma))
    certain = [np.zeros((6, 4), np.float32), np.array([200, 0, 0, 0], np.float32)]
    model.set_weights(certain)
    loss = float(model.train_on_batch(features(), np.eye(4, dtype=np.float32)[[0] * 32]))
    assert loss == pytest.approx(0, abs=1e-6)
    for one, other in zip(model.get_weights(), certain, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_with_balanced_weights_every_class_weighs_the_same_and_all_as_much_as_before(losses):
    labels = np.random.default_rng(5).choice(4, 500, p=[0.5, 0.3, 0.15, 0.05])
    weights = losses.balanced_weights(labels, 4)
    assert weights * np.bincount(labels) == pytest.approx([125] * 4)


def test_an_absent_class_weighs_one_and_changes_nothing_for_the_others(losses):
    labels = np.array([0, 0, 0, 2])
    assert losses.balanced_weights(labels, 4) == pytest.approx([4 / 6, 1, 2, 1])


def test_the_recipe_decides(losses):
    labels = np.array([0, 0, 0, 1])
    plain = losses.make_loss(Training(), labels, 2)
    assert (plain.class_weight.tolist(), plain.label_smoothing) == ([1, 1], 0)
    assert plain.focal_gamma == 0
    training = Training(balance="class_weight", label_smoothing=0.2, loss="focal", focal_gamma=1.5)
    balanced = losses.make_loss(training, labels, 2)
    assert balanced.class_weight == pytest.approx([2 / 3, 2])
    assert (balanced.label_smoothing, balanced.focal_gamma) == (0.2, 1.5)
    oversampled = losses.make_loss(Training(balance="oversample"), labels, 2)
    assert oversampled.class_weight.tolist() == [1, 1]
