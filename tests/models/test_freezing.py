from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.recipe import Network, Training
from bcauto.training.device import Device, start_keras
from bcauto.weights import Weights

pytestmark = pytest.mark.keras

CPU = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
TRAINING = Training(optimizer="lion", batch_size=16)  # lion moves every weight, however slight


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    start_keras(1)
    import keras

    return keras


@pytest.fixture
def small() -> Any:
    return built(Network(backbone="SmallCNN"))


@pytest.fixture
def wide() -> Any:
    return built(Network(backbone="MobileNet", alpha=0.25))


def built(network):
    from bcauto.models import build_classifier

    return build_classifier(network, (32, 32), 4, Weights("none"))


def stage(frozen_layers, from_scratch=False):
    from bcauto.training.stages import Stage

    return Stage("any", 1, 1e-3, frozen_layers, from_scratch)


def train(classifier, cells, stage):
    """One step of a stage; gives the paths of the weights that it changed."""
    from bcauto.training.losses import make_loss
    from bcauto.training.stages import compile_stage

    loss = make_loss(TRAINING, cells.labels, 4)
    compile_stage(classifier, stage, TRAINING, loss, CPU)
    before = classifier.model.get_weights()
    classifier.model.train_on_batch(cells.images[:16], np.eye(4)[cells.labels[:16]])
    pairs = zip(before, classifier.model.weights, strict=True)
    return {weight.path for old, weight in pairs if not np.array_equal(old, np.asarray(weight))}


def paths(weights):
    return {weight.path for weight in weights}


def norms(keras, layers):
    return [one for one in layers if isinstance(one, keras.layers.BatchNormalization)]


def test_a_frozen_backbone_leaves_the_head_to_train(wide):
    wide.freeze_backbone()
    in_head = [
        w for layer in wide.model.layers if layer is not wide.backbone for w in layer.weights
    ]
    assert paths(wide.model.trainable_weights) == paths(in_head)


@pytest.mark.parametrize("frozen", [0, 1, 40, 86])
def test_layers_below_never_train_and_no_batch_norm_does(wide, keras, frozen):
    wide.unfreeze_above(frozen)
    above = [
        layer
        for layer in wide.backbone.layers[frozen:]
        if not isinstance(layer, keras.layers.BatchNormalization)
    ]
    expected = paths(w for layer in above for w in layer.weights)
    assert paths(wide.backbone.trainable_weights) == expected


def test_a_later_unfreezing_forgets_the_earlier_one(wide):
    wide.unfreeze_above(0)
    all_of_it = wide.trainable_parameters
    wide.unfreeze_above(60)
    wide.freeze_backbone()
    wide.unfreeze_above(0)
    assert wide.trainable_parameters == all_of_it


def test_a_step_of_the_head_stage_changes_the_head_alone(small, tiny_cells):
    head = small.model.get_layer("classes").weights
    assert train(small, tiny_cells, stage(None)) == paths(head)


def test_a_step_of_fine_tuning_leaves_the_frozen_bit_for_bit(small, keras, tiny_cells):
    changed = train(small, tiny_cells, stage(7))
    below = [w for layer in small.backbone.layers[:7] for w in layer.weights]
    stored = [w for norm in norms(keras, small.backbone.layers) for w in norm.weights]
    assert len(below) == 10  # two convolutions and their BatchNorms
    assert changed == paths(small.model.weights) - paths(below) - paths(stored)


def test_fine_tuning_after_the_head_stage_does_train_the_backbone(small, tiny_cells):
    train(small, tiny_cells, stage(None))
    changed = train(small, tiny_cells, stage(13))
    assert changed == paths(small.model.trainable_weights)
    assert any("small_cnn" in path or "conv" in path for path in changed)


def test_from_scratch_everything_trains_also_batch_norm(small, tiny_cells):
    assert train(small, tiny_cells, stage(0, from_scratch=True)) == paths(small.model.weights)
