"""The average that a stage scores and ends with, against the weights noted after every step.

That a trial which is killed goes on to the same average, ``test_checkpoint.py`` shows.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bcauto.recipe.training import Training

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

STEPS, EPOCHS, DECAY = 13, 3, 0.6
READ = [10, 13, 23, 26, 36, 39]  # every tenth step since the last, and the last of each epoch


class Stages:
    """Trains stages of a tiny network, and notes its weights after steps and in reports."""

    def __init__(self, keras: Any) -> None:
        keras.utils.set_random_seed(1)
        inputs = keras.Input((3,))
        x = keras.layers.BatchNormalization()(keras.layers.Dense(4)(inputs))
        x = keras.layers.Dropout(0.3)(x)
        self.model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
        self.stepped: list[list[np.ndarray]] = []
        self.reported: list[list[np.ndarray]] = []

    def train(
        self,
        decay: float,
        scores: tuple[float, ...] = (0.1, 0.2, 0.3),
        accumulate: int = 1,
        **training: Any,
    ) -> list[np.ndarray]:
        """Trains a stage with these scores for its epochs; gives the weights that it ends with."""
        from bcauto.training.callbacks import make_callbacks
        from bcauto.training.loop import train_stage
        from bcauto.training.losses import SoftCrossentropy
        from bcauto.training.stages import Stage, compile_stage

        recipe = Training(weight_average=decay, **training)
        stage = Stage("any", len(scores), 0.05, 0, True, 8, accumulate, weight_average=decay)
        classifier: Any = SimpleNamespace(model=self.model)
        cpu: Any = SimpleNamespace(jit_compile=False)
        compile_stage(classifier, stage, recipe, SoftCrossentropy(np.ones(2)), cpu)
        callbacks = make_callbacks(self.model, recipe, stage, STEPS)
        self.stepped, self.reported = [self.model.get_weights()], []

        def epoch(number):
            rng = np.random.default_rng(number)
            for step in range(STEPS):
                if step or number > 1:
                    self.stepped.append(self.model.get_weights())
                images = rng.normal(size=(8, 3)).astype(np.float32)
                yield images, np.eye(2, dtype=np.float32)[rng.integers(0, 2, 8)]

        def report(number):
            self.reported.append(self.model.get_weights())
            return {"objective": scores[number - 1]}

        train_stage(stage, SimpleNamespace(epoch=epoch), callbacks, report, after=0)
        return self.model.get_weights()


def share_of(read: int, upto: int, decay: float) -> float:
    """How much of the average after ``upto`` steps the weights after ``read`` steps are."""
    spans = [(a, b) for a, b in zip([0, *READ], READ, strict=False) if b <= upto]
    kept = [min(decay, (1 + a) / (10 + a)) ** (b - a) for a, b in spans]
    taken = 1 - kept[READ.index(read)] if read else 1.0
    return taken * float(np.prod([k for k, (_, b) in zip(kept, spans, strict=True) if b > read]))


def averaged(stepped: list[list[np.ndarray]], upto: int, decay: float) -> list[np.ndarray]:
    read = [0, *(step for step in READ if step <= upto)]
    shares = [share_of(step, upto, decay) for step in read]
    assert sum(shares) == pytest.approx(1)
    noted = [[weight.astype(np.float64) for weight in stepped[step]] for step in read]
    return [
        sum(share * weight for share, weight in zip(shares, each, strict=True))
        for each in zip(*noted, strict=True)
    ]


def close(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(some, others, strict=True))


def same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


@pytest.fixture(scope="module")
def plain(keras) -> Stages:
    """A stage without an average."""
    stages = Stages(keras)
    stages.train(0.0)
    return stages


@pytest.fixture(scope="module")
def stages(keras) -> Stages:
    """A stage whose decay rises at first, and stays after the second of its readings."""
    stages = Stages(keras)
    stages.train(DECAY)
    return stages


def test_training_goes_on_from_the_weights_of_the_last_step(plain, stages):
    assert len(plain.stepped) == STEPS * EPOCHS
    assert all(same(a, b) for a, b in zip(plain.stepped, stages.stepped, strict=True))


def test_every_epoch_is_scored_with_the_average_of_the_steps(plain, stages):
    for epoch in (1, 2):
        steps = epoch * STEPS
        assert close(stages.reported[epoch - 1], averaged(stages.stepped, steps, DECAY))
        assert same(plain.reported[epoch - 1], plain.stepped[steps])
        assert not close(stages.reported[epoch - 1], stages.stepped[steps])


def test_the_stage_ends_with_the_average_that_its_last_epoch_was_scored_with(plain, stages):
    steps = [*plain.stepped, plain.model.get_weights()]
    assert close(stages.model.get_weights(), averaged(steps, STEPS * EPOCHS, DECAY))
    assert same(stages.model.get_weights(), stages.reported[-1])


def test_the_statistics_of_batch_norm_are_averaged_too(stages):
    weights = stages.model.weights
    moving = [place for place, weight in enumerate(weights) if "moving" in weight.path]
    assert len(moving) == 2
    expected = averaged(stages.stepped, STEPS, DECAY)
    for place in moving:
        assert stages.reported[0][place] == pytest.approx(expected[place], rel=1e-5, abs=1e-6)
        assert stages.reported[0][place] != pytest.approx(stages.stepped[STEPS][place], rel=1e-3)


def test_the_weights_that_a_stage_began_with_are_forgotten_within_its_first_epoch():
    assert share_of(0, STEPS, 0.999) < 1e-9


def test_a_step_is_one_however_many_parts_it_has(keras):
    ended = []
    for parts in (1, 2):
        stages = Stages(keras)
        _, dense, norm, dropout, _ = stages.model.layers
        norm.trainable, dropout.rate = False, 0.0  # they see parts alone
        before = dense.get_weights(), norm.get_weights()
        ended.append(stages.train(DECAY, optimizer="sgd", accumulate=parts))
        assert same(norm.get_weights(), before[1])  # to the bit
        assert not close(dense.get_weights(), before[0])
    assert close(*ended)


def test_a_stage_that_restores_its_best_epoch_ends_with_that_ones_average(keras):
    """The next stage begins with it, and averages its own steps alone."""
    stages = Stages(keras)
    scores = (0.1, 0.5, 0.3, 0.7)
    ended = stages.train(DECAY, scores, restore_best=True, early_stopping=1)
    assert len(stages.reported) == 3
    assert same(ended, stages.reported[1])
    stages.train(DECAY)
    assert same(stages.stepped[0], ended)
    assert close(stages.reported[0], averaged(stages.stepped, STEPS, DECAY))
