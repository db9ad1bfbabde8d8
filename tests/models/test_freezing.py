from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.training import Training
from bcauto.training.device import Device

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

CPU = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
TRAINING = Training(optimizer="lion", batch_size=16)  # lion moves every weight, however slight


@pytest.fixture
def small() -> Any:
    return built(Network(backbone="SmallCNN"))


@pytest.fixture
def wide() -> Any:
    return built(Network(backbone="MobileNet", alpha=0.25))


def built(network, size=(32, 32)):
    from bcauto.models.build import build_classifier

    return build_classifier(network, size, 4, Weights("none"))


def stage(frozen_layers, from_scratch=False):
    from bcauto.training.stages import Stage

    return Stage("any", 1, 1e-3, frozen_layers, from_scratch)


def train(classifier, data, stage):
    """One step of a stage; gives the paths of the weights that it changed."""
    from bcauto.training.losses import make_loss
    from bcauto.training.stages import compile_stage

    loss = make_loss(TRAINING, data.labels, 4)
    compile_stage(classifier, stage, TRAINING, loss, CPU)
    before = classifier.model.get_weights()
    classifier.model.train_on_batch(data.images[:16], np.eye(4)[data.labels[:16]])
    pairs = zip(before, classifier.model.weights, strict=True)
    return {weight.path for old, weight in pairs if not np.array_equal(old, np.asarray(weight))}


def paths(weights):
    return {weight.path for weight in weights}


def norms(keras, layers):
    return [one for one in layers if isinstance(one, keras.layers.BatchNormalization)]


def test_a_frozen_backbone_leaves_the_head_to_train(wide):
    wide.freeze(86)
    in_head = [
        w for layer in wide.model.layers if layer is not wide.backbone for w in layer.weights
    ]
    assert paths(wide.model.trainable_weights) == paths(in_head)


@pytest.mark.parametrize("frozen", [0, 1, 40, 86])
def test_layers_below_never_train_and_no_batch_norm_does(wide, keras, frozen):
    wide.freeze(frozen)
    above = [
        layer
        for layer in wide.backbone.layers[frozen:]
        if not isinstance(layer, keras.layers.BatchNormalization)
    ]
    expected = paths(w for layer in above for w in layer.weights)
    assert paths(wide.backbone.trainable_weights) == expected


def test_a_later_unfreezing_forgets_the_earlier_one(wide):
    wide.freeze(0)
    all_of_it = wide.trainable_parameters
    wide.freeze(60)
    wide.freeze(86)
    wide.freeze(0)
    assert wide.trainable_parameters == all_of_it


def test_a_step_of_the_head_stage_changes_the_head_alone(small, tiny_cells):
    head = small.model.get_layer("classes").weights
    assert train(small, tiny_cells, stage(16)) == paths(head)


def test_a_step_of_fine_tuning_leaves_the_frozen_bit_for_bit(small, keras, tiny_cells):
    changed = train(small, tiny_cells, stage(7))
    below = [w for layer in small.backbone.layers[:7] for w in layer.weights]
    stored = [w for norm in norms(keras, small.backbone.layers) for w in norm.weights]
    assert len(below) == 10  # two convolutions and their BatchNorms
    assert changed == paths(small.model.weights) - paths(below) - paths(stored)


def test_fine_tuning_after_the_head_stage_does_train_the_backbone(small, tiny_cells):
    train(small, tiny_cells, stage(16))
    changed = train(small, tiny_cells, stage(13))
    assert changed == paths(small.model.trainable_weights)
    assert any("block5" in path for path in changed)


def test_from_scratch_everything_trains_also_batch_norm(small, tiny_cells):
    assert train(small, tiny_cells, stage(0, from_scratch=True)) == paths(small.model.weights)


def test_batch_norm_trains_above_what_is_frozen_where_it_is_not_frozen_itself(keras, tiny_cells):
    small = built(Network(backbone="SmallCNN", frozen_batch_norm=False))
    changed = train(small, tiny_cells, stage(7))
    below = [w for layer in small.backbone.layers[:7] for w in layer.weights]
    assert changed == paths(small.model.weights) - paths(below)


@pytest.mark.parametrize("frozen", [0, 40])
def test_only_convolutions_train_where_they_alone_should(frozen, keras):
    wide = built(Network(backbone="MobileNet", alpha=0.25, train_only="convolutions"))
    wide.freeze(frozen)
    kernels = [
        w
        for layer in wide.backbone.layers[frozen:]
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
        for w in layer.weights
    ]
    assert paths(wide.backbone.trainable_weights) == paths(kernels)


def test_convolutions_inside_of_a_layer_are_found_and_what_is_beside_them_is_not(keras):
    with keras.StatelessScope(initialize_variables=False):  # 28 million weights without values
        convnext = built(Network(backbone="ConvNeXtTiny", train_only="convolutions"))
    convnext.freeze(0)
    kinds = {weight.path.split("/")[-2] for weight in convnext.backbone.trainable_weights}
    # The stem and three downsamplings are models of a convolution and a norm each.
    inside = {kind for kind in kinds if "stem" in kind or "downsampling" in kind}
    assert len(inside) == 4
    assert all("conv" in kind for kind in kinds)
    assert not any("norm" in kind or "pointwise" in kind for kind in kinds)
    convnext.freeze(24)  # above the stem, below the first downsampling
    trained = convnext.backbone.trainable_weights
    assert not any("stem" in weight.path for weight in trained)


@pytest.mark.parametrize(
    ("frozen", "block"),
    [(0, "stem"), (3, "conv_dw_1"), (11, "conv_dw_2"), (12, "conv_dw_2"), (80, "conv_dw_13")],
)
def test_the_first_block_that_trains_is_named(frozen, block, wide):
    wide.freeze(frozen)
    assert wide.first_trainable_block == block


@pytest.mark.parametrize("frozen", [84, 86])  # above the last convolution there is a BatchNorm
def test_no_block_is_named_where_none_trains(frozen, wide):
    wide.freeze(frozen)
    assert wide.first_trainable_block is None
    assert wide.trainable_parameters == (256 + 1) * 4
