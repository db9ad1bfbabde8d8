from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training, TrainingStage
from bcauto.training.device import Device

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

CPU = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
RECIPE = Recipe(
    model=Network(backbone="MobileNet", alpha=0.25, frozen_layers=30),
    training=Training(head_epochs=3, head_learning_rate=2e-3, epochs=7, learning_rate=4e-4),
)


@pytest.fixture(scope="module")
def stages():
    from bcauto.training import stages

    return stages


@pytest.fixture
def compiled(stages):
    """Compiles a small network for a stage; gives its model."""
    from bcauto.models.build import build_classifier
    from bcauto.training.losses import SoftCrossentropy

    loss = SoftCrossentropy(np.ones(3))
    classifier = build_classifier(Network(backbone="SmallCNN"), (32, 32), 3, Weights("none"))

    def compile_for(stage=None, device=CPU, **training) -> Any:
        stage = stage or stages.Stage("any", 1, 1e-3, 0)
        stages.compile_stage(classifier, stage, Training(**training), loss, device)
        return classifier.model

    return compile_for


@pytest.fixture(scope="module")
def mobile_net():
    from bcauto.models.build import build_classifier

    return build_classifier(RECIPE.model, (32, 32), 3, Weights("none"))


def trained_with(**training):
    return RECIPE.model_copy(update={"training": Training(**training)})


def rate_after(model, steps):
    model.optimizer.iterations.assign(steps)
    return float(model.optimizer.learning_rate)


def test_a_pretrained_network_has_a_head_stage_and_fine_tuning(stages, mobile_net):
    assert stages.plan_stages(RECIPE, mobile_net, pretrained=True) == [
        stages.Stage("head", 3, 2e-3, frozen_layers=86),
        stages.Stage("fine-tune", 7, 4e-4, frozen_layers=30),
    ]


def test_without_head_epochs_there_is_no_head_stage(stages, mobile_net):
    recipe = trained_with(head_epochs=0)
    planned = stages.plan_stages(recipe, mobile_net, pretrained=True)
    assert [stage.name for stage in planned] == ["fine-tune"]


def test_from_scratch_there_is_one_stage_and_nothing_frozen(stages, mobile_net):
    assert stages.plan_stages(RECIPE, mobile_net, pretrained=False) == [
        stages.Stage("scratch", 7, 4e-4, frozen_layers=0, from_scratch=True)
    ]


def test_stages_of_a_recipe_take_the_place_of_the_two(stages, mobile_net):
    """As Machine Dumbening trained its MobileNet, and with a fraction for the end."""
    recipe = trained_with(
        learning_rate=3e-6,
        head_learning_rate=1e-4,
        batch_size=64,
        stages=(
            TrainingStage(epochs=5, trainable_layers=0, batch_size=128),
            TrainingStage(epochs=4, trainable_layers=40, learning_rate=1e-5),
            TrainingStage(epochs=3, trainable_fraction=1.0),
            TrainingStage(epochs=2),
        ),
    )
    assert stages.plan_stages(recipe, mobile_net, pretrained=True) == [
        stages.Stage("stage 1", 5, 1e-4, frozen_layers=86, batch_size=128),
        stages.Stage("stage 2", 4, 1e-5, frozen_layers=46, batch_size=64),
        stages.Stage("stage 3", 3, 3e-6, frozen_layers=0, batch_size=64),
        stages.Stage("stage 4", 2, 3e-6, frozen_layers=30, batch_size=64),  # as the model says it
    ]


def test_the_rate_factor_multiplies_the_rate_of_every_stage(stages, mobile_net):
    said = {"learning_rate": 3e-6, "head_learning_rate": 1e-4}
    for stages_of in ((), (TrainingStage(epochs=5, trainable_layers=0), TrainingStage(epochs=2))):
        plain, faster = (
            stages.plan_stages(
                trained_with(**said, stages=stages_of, rate_factor=factor),
                mobile_net,
                pretrained=True,
            )
            for factor in (1.0, 2.5)
        )
        assert [stage.learning_rate for stage in plain] == [1e-4, 3e-6]
        assert [stage.learning_rate for stage in faster] == pytest.approx([2.5e-4, 7.5e-6])


def test_from_scratch_stages_freeze_nothing_and_none_trains_the_head_alone(stages, mobile_net):
    recipe = trained_with(
        stages=(
            TrainingStage(epochs=5, trainable_fraction=0.0),
            TrainingStage(epochs=4, trainable_layers=40, learning_rate=1e-3),
        )
    )
    assert stages.plan_stages(recipe, mobile_net, pretrained=False) == [
        stages.Stage("stage 2", 4, 1e-3, frozen_layers=0, from_scratch=True)
    ]


def test_from_scratch_what_freezes_all_of_the_backbone_trains_all_of_it(stages, mobile_net):
    frozen = RECIPE.model.model_copy(update={"frozen_layers": 86})
    recipe = RECIPE.model_copy(update={"model": frozen})
    [stage] = stages.plan_stages(recipe, mobile_net, pretrained=False)
    assert (stage.name, stage.frozen_layers, stage.from_scratch) == ("scratch", 0, True)


def test_the_optimizer_is_the_one_asked_for_at_the_rate_of_the_stage(stages, compiled, keras):
    model = compiled(stages.Stage("any", 1, 4e-4, 0), optimizer="lion")
    assert type(model.optimizer) is keras.optimizers.Lion
    assert float(model.optimizer.learning_rate) == pytest.approx(4e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_device_decides_on_xla(jit_compile, compiled):
    device = Device("any", "float32", jit_compile, "tensorflow")
    assert compiled(device=device).jit_compile is jit_compile


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_is_traced_once(accumulate, stages, compiled, keras, monkeypatch, tiny_cells):
    traced, train_step = [], keras.Model.train_step
    monkeypatch.setattr(
        keras.Model, "train_step", lambda *given: traced.append(1) or train_step(*given)
    )
    model = compiled(stages.Stage("any", 1, 1e-3, 16, accumulate=accumulate))
    for _ in range(3):
        model.train_on_batch(tiny_cells.images[:6], np.eye(3)[np.arange(6) % 3])
    assert len(traced) == 1


def trainable_layers(model):
    [backbone] = [layer for layer in model.layers if layer.name.startswith("small_cnn")]
    return [
        position
        for position, layer in enumerate(backbone.layers)
        if layer.trainable and layer.weights
    ]


def test_a_stage_freezes_what_it_says_whatever_was_frozen_before(stages, compiled):
    # The convolutions of the small network are its layers 1, 4, 7, 10, 13; BatchNorm follows each.
    for frozen, expected in [(8, [10, 13]), (16, []), (0, [1, 4, 7, 10, 13]), (16, [])]:
        assert trainable_layers(compiled(stages.Stage("any", 1, 1e-3, frozen))) == expected


def test_from_scratch_batch_norm_trains_too(stages, compiled):
    scratch = stages.Stage("scratch", 1, 1e-3, 0, from_scratch=True)
    assert trainable_layers(compiled(scratch)) == [1, 2, 4, 5, 7, 8, 10, 11, 13, 14]
