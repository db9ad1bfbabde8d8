from __future__ import annotations

import numpy as np
import pytest

from bcauto.recipe.training import Training

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

DECAYING = ["adamw", "lion", "sgd"]


@pytest.fixture(scope="module")
def optimizers():
    from bcauto.training import optimizers

    return optimizers


@pytest.fixture
def stepped(optimizers, keras):
    """Takes steps with gradients in a network of every kind of weight; gives (path, before, after).

    What counts as a kernel is told by the path alone.
    """

    def step(training, gradient, rate=0.1, scaled=False, steps=1):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
        x = keras.layers.DepthwiseConv2D(3, name="depthwise")(x)
        x = keras.layers.BatchNormalization(name="batch_norm")(x)
        x = keras.layers.LayerNormalization(name="layer_norm")(x)
        x = keras.layers.Dense(2, name="dense")(keras.layers.Flatten()(x))
        model = keras.Model(inputs, x)
        variables = model.trainable_variables
        for one in variables:
            one.assign(np.full(one.shape, 0.5))
        optimizer = optimizers.make_optimizer(training, rate, variables)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
        before = [one.numpy() for one in variables]
        for _ in range(steps):
            optimizer.apply([keras.ops.full(one.shape, gradient) for one in variables], variables)
        return [(one.path, old, one.numpy()) for one, old in zip(variables, before, strict=True)]

    return step


@pytest.mark.parametrize(
    ("name", "theirs"), [("adam", "Adam"), ("adamw", "AdamW"), ("lion", "Lion"), ("sgd", "SGD")]
)
def test_an_optimizer_is_keras_own(name, theirs, optimizers, keras):
    optimizer = optimizers.make_optimizer(Training(optimizer=name), 2e-3, [])
    assert type(optimizer) is getattr(keras.optimizers, theirs)
    assert float(optimizer.learning_rate) == pytest.approx(2e-3)
    assert optimizer.global_clipnorm is None


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", DECAYING)
def test_only_kernels_decay_and_by_the_rate(name, scaled, stepped):
    training = Training(optimizer=name, weight_decay=0.2)
    weights = stepped(training, gradient=0.0, rate=0.1, scaled=scaled)
    assert len(weights) == 10
    for path, before, after in weights:
        kernel = path.endswith("kernel")
        assert after == pytest.approx(before * (1 - 0.1 * 0.2) if kernel else before), path


@pytest.mark.parametrize("name", ["adam", "adamw", "lion", "sgd"])
def test_without_decay_no_gradient_is_no_step(name, stepped):
    for _, before, after in stepped(Training(optimizer=name, weight_decay=0.0), gradient=0.0):
        assert np.array_equal(after, before)


def test_adamw_decays_as_keras_has_it_by_default(optimizers, keras):
    ours = optimizers.make_optimizer(Training(optimizer="adamw"), 1e-3, [])
    assert ours.weight_decay == keras.optimizers.AdamW().weight_decay > 0


def test_sgd_has_a_nesterov_momentum(stepped):
    # v = 0.9 v - rate g, and a step of 0.9 v - rate g (Sutskever et al. 2013): 1.9, then 2.71
    for _, before, after in stepped(Training(optimizer="sgd"), gradient=1.0, rate=0.01, steps=2):
        assert before - after == pytest.approx(0.01 * (1.9 + 2.71), rel=1e-4)


def moved(weights):
    """Length of a step over all weights."""
    return float(np.sqrt(sum(((new - old) ** 2).sum() for _, old, new in weights)))


@pytest.mark.parametrize("scaled", [False, True])
def test_clipping_bounds_the_norm_of_all_gradients_together(scaled, stepped):
    clipped = Training(optimizer="sgd", gradient_clipping=0.5)
    huge = stepped(clipped, gradient=1e6, rate=0.1, scaled=scaled)
    assert moved(huge) == pytest.approx(0.1 * 1.9 * 0.5, rel=1e-4)
    assert len({round(float(step), 6) for _, old, new in huge for step in (old - new).ravel()}) == 1
    free = stepped(Training(optimizer="sgd"), gradient=1e6, rate=0.1, scaled=scaled)
    assert moved(free) > 1e6


def test_clipping_leaves_a_small_gradient_as_it_is(stepped):
    clipped = stepped(Training(optimizer="sgd", gradient_clipping=1e3), gradient=1e-3)
    free = stepped(Training(optimizer="sgd"), gradient=1e-3)
    assert moved(clipped) == pytest.approx(moved(free), rel=1e-6)


STEPS = np.arange(200)


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_without_warm_up_the_rate_falls_along_a_cosine_to_its_share(share, optimizers):
    rates = optimizers.learning_rates(Training(decay_to=share), 4e-4, 200)
    expected = 4e-4 * (share + (1 - share) * (1 + np.cos(np.pi * STEPS / 200)) / 2)
    assert rates == pytest.approx(expected, rel=1e-5)
    assert rates[0] == pytest.approx(4e-4)


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_exponential_decay_takes_the_same_part_off_every_step(share, optimizers):
    training = Training(schedule="exponential", decay_to=share)
    rates = optimizers.learning_rates(training, 4e-4, 200)
    assert rates == pytest.approx(4e-4 * share ** (STEPS / 200), rel=1e-4)


def test_a_constant_rate_is_constant(optimizers):
    rates = optimizers.learning_rates(Training(schedule="constant"), 4e-4, 200)
    assert rates == pytest.approx([4e-4] * 200)


def test_a_plateau_has_the_rate_from_the_end_of_the_warm_up_on(optimizers):
    plateau = Training(schedule="reduce_on_plateau")
    assert optimizers.learning_rates(plateau, 4e-4, 200) == pytest.approx([4e-4])
    late = Training(schedule="reduce_on_plateau", warmup=0.1)
    rates = optimizers.learning_rates(late, 4e-4, 200)
    assert rates == pytest.approx(4e-4 * np.arange(21) / 20)


def test_warm_up_and_cosine_are_keras_own(optimizers, keras):
    rates = optimizers.learning_rates(Training(warmup=0.3), 4e-4, 200)
    theirs = keras.optimizers.schedules.CosineDecay(
        0.0, 140, alpha=0.05, warmup_target=4e-4, warmup_steps=60
    )
    assert rates == pytest.approx([float(theirs(step)) for step in range(200)], rel=1e-4, abs=1e-12)
    assert rates[60] == rates.max() == pytest.approx(4e-4)


@pytest.mark.parametrize("schedule", ["cosine", "exponential", "constant"])
def test_after_the_warm_up_a_schedule_is_what_it_is_in_a_shorter_stage(schedule, optimizers):
    warmed = optimizers.learning_rates(Training(schedule=schedule, warmup=0.25), 4e-4, 200)
    whole = optimizers.learning_rates(Training(schedule=schedule), 4e-4, 150)
    assert warmed[:50] == pytest.approx(4e-4 * STEPS[:50] / 50)
    assert warmed[50:] == pytest.approx(whole)


@pytest.mark.parametrize("schedule", ["cosine", "exponential", "constant", "reduce_on_plateau"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_stage_of_few_steps_reaches_its_rate(steps, schedule, optimizers):
    rates = optimizers.learning_rates(Training(schedule=schedule, warmup=0.9), 4e-4, steps)
    assert rates.max() == pytest.approx(4e-4)
    assert len(rates) <= steps
