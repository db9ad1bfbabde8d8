from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.recipe import Network, Recipe, Training
from bcauto.training.device import Device, start_keras
from bcauto.weights import Weights

pytestmark = pytest.mark.keras

CPU = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
RECIPE = Recipe(
    model=Network(backbone="MobileNet", alpha=0.25, frozen_layers=30),
    training=Training(head_epochs=3, head_learning_rate=2e-3, epochs=7, learning_rate=4e-4),
)


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    start_keras(1)
    import keras

    return keras


@pytest.fixture(scope="module")
def stages():
    from bcauto.training import stages

    return stages


@pytest.fixture
def compiled(stages):
    """Compiles a small network for a stage; gives its model."""
    from bcauto.models import build_classifier
    from bcauto.training.losses import SoftCrossentropy

    loss = SoftCrossentropy(np.ones(3))
    classifier = build_classifier(Network(backbone="SmallCNN"), (32, 32), 3, Weights("none"))

    def compile_for(stage=None, device=CPU, **training) -> Any:
        stage = stage or stages.Stage("any", 1, 1e-3, 0)
        stages.compile_stage(classifier, stage, Training(**training), loss, device)
        return classifier.model

    return compile_for


def test_a_pretrained_network_has_a_head_stage_and_fine_tuning(stages):
    assert stages.plan_stages(RECIPE, pretrained=True) == [
        stages.Stage("head", 3, 2e-3, frozen_layers=None),
        stages.Stage("fine-tune", 7, 4e-4, frozen_layers=30),
    ]


def test_without_head_epochs_there_is_no_head_stage(stages):
    training = RECIPE.training.model_copy(update={"head_epochs": 0})
    recipe = RECIPE.model_copy(update={"training": training})
    assert [stage.name for stage in stages.plan_stages(recipe, pretrained=True)] == ["fine-tune"]


def test_from_scratch_there_is_one_stage_and_nothing_frozen(stages):
    assert stages.plan_stages(RECIPE, pretrained=False) == [
        stages.Stage("scratch", 7, 4e-4, frozen_layers=0, from_scratch=True)
    ]


def test_the_optimizer_is_the_one_asked_for_at_the_rate_of_the_stage(stages, compiled, keras):
    model = compiled(stages.Stage("any", 1, 4e-4, 0), optimizer="lion")
    assert type(model.optimizer) is keras.optimizers.Lion
    assert float(model.optimizer.learning_rate) == pytest.approx(4e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_device_decides_on_xla(jit_compile, compiled):
    device = Device("any", "float32", jit_compile, "tensorflow")
    assert compiled(device=device).jit_compile is jit_compile


def trainable_layers(model):
    [backbone] = [layer for layer in model.layers if layer.name.startswith("small_cnn")]
    return [
        position
        for position, layer in enumerate(backbone.layers)
        if layer.trainable and layer.weights
    ]


def test_a_stage_freezes_what_it_says_whatever_was_frozen_before(stages, compiled):
    # The convolutions of the small network are its layers 1, 4, 7, 10, 13; BatchNorm follows each.
    for frozen, expected in [(8, [10, 13]), (None, []), (0, [1, 4, 7, 10, 13]), (None, [])]:
        assert trainable_layers(compiled(stages.Stage("any", 1, 1e-3, frozen))) == expected


def test_from_scratch_batch_norm_trains_too(stages, compiled):
    scratch = stages.Stage("scratch", 1, 1e-3, 0, from_scratch=True)
    assert trainable_layers(compiled(scratch)) == [1, 2, 4, 5, 7, 8, 10, 11, 13, 14]
