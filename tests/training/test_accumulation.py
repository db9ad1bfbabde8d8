"""Batches trained in parts come to what whole batches do, and whole trials with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bcauto.augment.engine import Augmenter
from bcauto.augment.policies import Augment, Basic, MixUp
from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.training.device import Device
from bcauto.trial import Job

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras", "narrow_network")]

CPU = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
STEPS, EPOCHS, BATCH = 4, 2, 12
CLASS_WEIGHT = np.array([0.5, 1.0, 3.0])
OPTIMIZERS = {
    "adam": {"optimizer": "adam"},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.5},
    "lion": {"optimizer": "lion", "weight_decay": 0.5},
    "sgd": {"optimizer": "sgd", "weight_decay": 0.5},
    "sgd, clipped": {"optimizer": "sgd", "gradient_clipping": 0.02},
    "adamw, clipped": {"optimizer": "adamw", "weight_decay": 0.5, "gradient_clipping": 0.02},
}


def batches(size: int = BATCH, steps: int = STEPS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets that are shared between classes."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(steps, size, 6)).astype(np.float32)
    targets = rng.dirichlet(np.full(3, 0.3), (steps, size)).astype(np.float32)
    return list(zip(inputs, targets, strict=True))


def network(keras: Any) -> Any:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(5, activation="tanh")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


class Trained:
    """A network after a stage, with the rate of each step that the optimizer made."""

    def __init__(self, keras: Any, training: Training, accumulate: int, size: int = BATCH) -> None:
        from bcauto.training.callbacks import make_callbacks
        from bcauto.training.loop import train_stage
        from bcauto.training.losses import SoftCrossentropy
        from bcauto.training.stages import Stage, compile_stage

        self.model, self.rates = network(keras), []
        self.sizes: list[int] = []
        stage = Stage("any", EPOCHS, 0.01, 0, from_scratch=True, accumulate=accumulate)
        loss = SoftCrossentropy(CLASS_WEIGHT, label_smoothing=0.1)
        classifier = SimpleNamespace(model=self.model)
        compile_stage(classifier, stage, training, loss, CPU)
        callbacks = make_callbacks(self.model, training, stage, STEPS)
        self.train_on_batch, self.model.train_on_batch = self.model.train_on_batch, self.noted
        every_epoch = SimpleNamespace(epoch=lambda _: iter(batches(size)))
        train_stage(stage, every_epoch, callbacks, lambda _: {training.monitor: 0.5}, after=0)

    def noted(self, *batch):
        steps = int(self.model.optimizer.iterations)
        losses = self.train_on_batch(*batch)
        self.sizes.append(len(batch[0]))
        if int(self.model.optimizer.iterations) > steps:
            self.rates.append(float(self.model.optimizer.learning_rate))
        return losses


def close(one: Any, other: Any) -> bool:
    """Whether two models have the same weights but for the order of sums."""
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.allclose(mine, its, rtol=1e-4, atol=2e-6) for mine, its in pairs)


@pytest.mark.parametrize("settings", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_two_parts_make_the_step_of_the_whole_batch(settings, keras):
    training = Training(warmup=0.25, **settings)
    whole, parts = Trained(keras, training, 1), Trained(keras, training, 2)
    assert whole.sizes == [BATCH] * STEPS * EPOCHS
    assert parts.sizes == [BATCH // 2] * 2 * STEPS * EPOCHS
    assert close(whole.model, parts.model)
    assert parts.rates == whole.rates
    assert len(set(parts.rates)) == STEPS * EPOCHS == int(parts.model.optimizer.iterations)
    before = network(keras)
    assert not close(before, whole.model)


@pytest.mark.parametrize(("size", "accumulate"), [(13, 2), (11, 4), (3, 3)])
def test_parts_of_different_size_weigh_as_much_as_they_have_pictures(size, accumulate, keras):
    training = Training(optimizer="sgd")
    whole = Trained(keras, training, 1, size)
    parts = Trained(keras, training, accumulate, size)
    assert sum(parts.sizes[:accumulate]) == size
    assert max(parts.sizes) - min(parts.sizes) <= 1
    assert close(whole.model, parts.model)


def compiled(keras: Any, optimizer: Any, loss: Any = "categorical_crossentropy") -> Any:
    model = network(keras)
    model.compile(optimizer, loss)
    return model


def trained(keras: Any, model: Any, parts: int, given: Any = None) -> Any:
    from bcauto.training.accumulation import train_in_parts

    for inputs, targets in given or batches():
        train_in_parts(model, inputs, targets, parts)
    return model


def test_a_schedule_in_the_optimizer_goes_by_steps_and_not_by_parts(keras):
    from bcauto.training.accumulation import accumulate_gradients

    def adam(**settings):
        return keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.05, STEPS), **settings
        )

    ours = adam()
    accumulate_gradients(ours, 2)
    whole = trained(keras, compiled(keras, adam()), 1)
    assert close(whole, trained(keras, compiled(keras, ours), 2))
    by_keras = compiled(keras, adam(gradient_accumulation_steps=2))
    assert not close(whole, trained(keras, by_keras, 2))


def overflowing(place: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches of which the second has a picture whose gradient is no number."""
    given = batches()
    given[1][0][place] = np.inf
    return given


@pytest.mark.parametrize("place", [0, BATCH - 1], ids=["first part", "last part"])
def test_a_part_whose_gradient_is_no_number_costs_its_step_alone(place, keras):
    """As it costs the whole batch its step: the parts that follow make steps of their own."""
    from bcauto.training.accumulation import accumulate_gradients

    def scaled(parts, **settings):
        adam = keras.optimizers.Adam(0.01, **settings)
        if not settings:
            accumulate_gradients(adam, parts)
        return keras.optimizers.LossScaleOptimizer(adam, initial_scale=16.0)

    given = overflowing(place)
    whole = trained(keras, compiled(keras, scaled(1)), 1, given)
    parts = trained(keras, compiled(keras, scaled(2)), 2, given)
    assert close(whole, parts)
    assert int(whole.optimizer.iterations) == int(parts.optimizer.iterations) == STEPS - 1

    by_keras = compiled(keras, scaled(2, gradient_accumulation_steps=2))
    for inputs, targets in given:
        for part in (slice(6), slice(6, None)):
            by_keras.train_on_batch(inputs[part], targets[part])
    assert not close(whole, by_keras)


def test_an_accumulating_optimizer_goes_on_to_accumulate_whole_batches(keras):
    from bcauto.training.accumulation import accumulate_gradients

    theirs, ours = (keras.optimizers.Adam(0.01, gradient_accumulation_steps=2) for _ in "ab")
    accumulate_gradients(ours, 3)
    whole = trained(keras, compiled(keras, theirs), 1)
    parts = trained(keras, compiled(keras, ours), 3)
    assert close(whole, parts)
    assert int(parts.optimizer.iterations) == STEPS // 2


def test_only_where_parts_come_to_the_whole_can_a_model_accumulate(keras):
    from bcauto.training.accumulation import can_accumulate

    class Own(keras.optimizers.SGD):
        def apply(self, *args):
            super().apply(*args)

    losses, optimizers = keras.losses, keras.optimizers
    assert can_accumulate(compiled(keras, "adam"))
    assert can_accumulate(compiled(keras, optimizers.Muon(0.1), losses.CategoricalCrossentropy()))
    assert not can_accumulate(compiled(keras, optimizers.Adam(use_ema=True)))
    assert not can_accumulate(compiled(keras, Own(0.1)))
    assert not can_accumulate(compiled(keras, optimizers.LossScaleOptimizer(optimizers.SGD(0.1))))
    summed = losses.CategoricalCrossentropy(reduction="sum")
    assert not can_accumulate(compiled(keras, "adam", summed))


@pytest.fixture
def pictures(keras, monkeypatch):
    """Notes what a trial trains on, step by step, and the steps that its optimizer made."""
    train_on_batch = keras.Model.train_on_batch
    seen = SimpleNamespace(images=[], targets=[], steps=0)

    def noted(model, images, targets, weights=None):
        seen.images.append(images)
        seen.targets.append(targets)
        losses = train_on_batch(model, images, targets, weights)
        seen.steps = int(model.optimizer.iterations)
        return losses

    monkeypatch.setattr(keras.Model, "train_on_batch", noted)
    return seen


@pytest.mark.parametrize(("batch_size", "accumulate", "parts"), [(16, 2, 2), (15, 4, 4), (2, 3, 2)])
def test_a_trial_in_parts_sees_the_same_pictures_and_says_so(
    batch_size, accumulate, parts, noise_trainer, pictures, tmp_path
):
    from bcauto.training.batches import Batches

    recipe = Recipe(
        model=Network(backbone="SmallCNN"),
        training=Training(epochs=1, batch_size=batch_size),
        augment=Augment(basic=Basic(flip=True), mixup=MixUp(probability=0.5)),
    )
    job = Job(0, recipe, 7, tmp_path / "0.keras", accumulate=accumulate)
    [stage] = noise_trainer.run(job, lambda *_: None).run.stages
    assert stage.accumulate == parts
    assert max(map(len, pictures.images)) == -(-batch_size // parts)

    data = noise_trainer.payload.data.train
    expected = list(Batches(data, 4, batch_size, Augmenter(recipe.augment, 7)).epoch(1))
    images, targets = (np.concatenate(part) for part in zip(*expected, strict=True))
    assert np.array_equal(np.concatenate(pictures.images), images)
    assert np.array_equal(np.concatenate(pictures.targets), targets)
    assert pictures.steps == 48 // batch_size
