"""Stages of a tiny network whose scores are given, so that what follows from them is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bcauto.recipe.training import Training

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
UP_AND_DOWN = [0.3, 0.5, 0.5, 0.4, 0.45, 0.6, 0.55, 0.5, 0.59, 0.58, 0.5, 0.5]
STEPS = 4


class Stages:
    """Trains stages one after another, and notes the rate of every step and what they end with."""

    def __init__(self, keras: Any) -> None:
        keras.utils.set_random_seed(1)
        inputs = keras.Input((3,))
        x = keras.layers.BatchNormalization()(keras.layers.Dense(4)(inputs))
        self.model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
        self.sgd, self.epochs = keras.optimizers.SGD, 0
        self.rates: list[float] = []
        self.weights: list[list[np.ndarray]] = []
        train_on_batch = self.model.train_on_batch

        def noted(*batch):
            self.rates.append(float(self.model.optimizer.learning_rate))
            return train_on_batch(*batch)

        self.model.train_on_batch = noted
        self.batches = SimpleNamespace(epoch=_epoch, steps=STEPS)

    def train(self, scores: list[float], **recipe: Any) -> int:
        """Trains a stage that has as many epochs as scores; gives how many were trained."""
        from bcauto.training.callbacks import make_callbacks
        from bcauto.training.loop import train_stage
        from bcauto.training.stages import Stage

        training, stage = Training(**recipe), Stage("any", len(scores), 0.1, 0)
        self.model.compile(self.sgd(stage.learning_rate), "categorical_crossentropy")
        self.model.optimizer.build(self.model.trainable_variables)  # or a step is traced twice
        callbacks = make_callbacks(self.model, training, stage, STEPS)
        begun = self.epochs

        def watch(epoch):
            self.weights.append(self.model.get_weights())
            return {training.monitor: scores[epoch - begun - 1]}

        self.epochs = train_stage(stage, self.batches, callbacks, watch, after=begun)
        return self.epochs - begun

    @property
    def epoch_rates(self) -> list[float]:
        """The rate of the last step of every epoch."""
        return self.rates[STEPS - 1 :: STEPS]


def _epoch(epoch):
    rng = np.random.default_rng(epoch)
    for _ in range(STEPS):
        yield rng.normal(size=(8, 3)).astype(np.float32), np.eye(2, dtype=np.float32)[[0, 1] * 4]


def by_keras(scores: list[float], callback: Any) -> dict[str, list[float]]:
    """What Keras' ``fit`` notes of each epoch with a callback of its own; a step is an epoch."""
    import keras

    def tell(epoch, logs):
        logs["objective"] = scores[epoch]

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=tell), callback]
    images, targets = np.ones((1, 3)), np.ones((1, 2))
    return model.fit(images, targets, epochs=len(scores), verbose=0, callbacks=callbacks).history


@pytest.fixture
def stages(keras) -> Stages:
    return Stages(keras)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_stage_follows_its_schedule_from_step_to_step(stages):
    from bcauto.training.optimizers import learning_rates

    assert stages.train(RISING, warmup=0.3) == 6
    assert stages.rates == pytest.approx(learning_rates(Training(warmup=0.3), 0.1, 24))


def test_the_next_stage_begins_the_schedule_anew(stages):
    stages.train(RISING, warmup=0.3)
    stages.train(RISING, warmup=0.3)
    assert stages.rates[:24] == stages.rates[24:]


def by_plateau(scores, patience, factor):
    """The rate in each epoch: reduced where ``patience`` epochs in a row do not beat the best."""
    rate, best, waited, rates = 0.1, -np.inf, 0, []
    for score in scores:
        rates.append(rate)
        best, waited = (score, 0) if score - 1e-4 > best else (best, waited + 1)
        if waited >= patience:
            rate, waited = rate * factor, 0
    return rates


@pytest.mark.parametrize("patience", [1, 2, 3, 20])
@pytest.mark.parametrize("scores", [RISING, UP_AND_DOWN, UP_AND_DOWN[::-1]])
def test_the_rate_is_reduced_on_a_plateau(scores, patience, stages, keras):
    plateau = {"schedule": "reduce_on_plateau", "plateau_patience": patience}
    stages.train(scores, **plateau, plateau_factor=0.3)
    assert stages.epoch_rates == pytest.approx(by_plateau(scores, patience, 0.3), rel=1e-4)
    theirs = keras.callbacks.ReduceLROnPlateau(
        "objective", 0.3, patience, mode="max", min_delta=1e-4
    )
    assert stages.epoch_rates == pytest.approx(by_keras(scores, theirs)["learning_rate"])


def test_a_plateau_during_the_warm_up_reduces_nothing_that_lasts(stages):
    flat = {"schedule": "reduce_on_plateau", "plateau_patience": 2, "warmup": 0.5}
    stages.train([0.5] * 10, **flat, plateau_factor=0.5)
    assert stages.rates[:21] == pytest.approx(0.1 * np.arange(21) / 20)
    assert stages.epoch_rates[5:] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_the_next_stage_begins_at_its_whole_rate(stages):
    flat = {"schedule": "reduce_on_plateau", "plateau_patience": 1}
    stages.train([0.5] * 4, **flat)
    stages.train([0.5] * 4, **flat)
    assert stages.epoch_rates == pytest.approx([0.1, 0.1, 0.05, 0.025] * 2)


def by_patience(scores, patience):
    """How many epochs pass until the best of them is ``patience`` epochs back."""
    ends = (n for n in range(2, len(scores) + 1) if n - 1 - np.argmax(scores[:n]) >= patience)
    return next(ends, len(scores))


@pytest.mark.parametrize("patience", [1, 2, 3, 4, 20])
@pytest.mark.parametrize("scores", [RISING, UP_AND_DOWN, UP_AND_DOWN[::-1], [0.5] * 5])
def test_a_stage_stops_early_and_goes_back_to_its_best_epoch(scores, patience, stages, keras):
    epochs = stages.train(scores, early_stopping=patience, restore_best=True)
    assert epochs == by_patience(scores, patience)
    best = int(np.argmax(scores[:epochs]))
    assert same(stages.model.get_weights(), stages.weights[best])
    assert epochs - 1 == best or not same(stages.model.get_weights(), stages.weights[-1])
    theirs = keras.callbacks.EarlyStopping("objective", patience=patience, mode="max")
    assert len(by_keras(scores, theirs)["objective"]) == epochs


def test_without_restoring_a_stage_ends_with_its_last_weights(stages):
    assert stages.train(UP_AND_DOWN, early_stopping=3) == 5
    assert same(stages.model.get_weights(), stages.weights[-1])


def test_without_early_stopping_the_best_weights_are_restored_at_the_end(stages):
    assert stages.train(UP_AND_DOWN, restore_best=True) == 12
    assert same(stages.model.get_weights(), stages.weights[5])


def test_by_default_neither_happens(stages):
    assert stages.train(UP_AND_DOWN) == 12
    assert same(stages.model.get_weights(), stages.weights[-1])


def test_stopping_ends_a_stage_and_not_the_next_one(stages):
    assert stages.train([0.9, 0.1, 0.1, 0.1], early_stopping=1) == 2
    assert stages.train(RISING, early_stopping=1) == 6  # also its scores are not compared with 0.9


def test_epochs_count_on_from_the_one_at_which_a_stage_stopped(stages):
    stages.train([0.9, 0.1, 0.1, 0.1], early_stopping=1)
    stages.train(RISING)
    assert stages.epochs == 8
    assert len(stages.weights) == 8


def test_a_score_that_is_no_number_is_never_the_best(stages):
    stages.train([0.2, float("nan"), 0.3, float("nan")], restore_best=True)
    assert same(stages.model.get_weights(), stages.weights[2])
