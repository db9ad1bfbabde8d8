"""bcauto's own networks, which train from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

OWN = [name for name, entry in BACKBONES.items() if not entry.pretrained]
BLOCKS = {"SmallCNN": 5, "FourBlockCNN": 4, "CifarCNN": 2, "UNet": 7}
FEATURES = {  # of 96 px
    "SmallCNN": (6, 6, 128),
    "FourBlockCNN": (6, 6, 256),
    "CifarCNN": (22, 22, 64),  # two convolutions of each four lose a pixel on every side
    "UNet": (96, 96, 16),
}


def build(name, size=(96, 96), **settings):
    from bcauto.models.build import build_classifier

    return build_classifier(Network(backbone=name, **settings), size, 4, Weights("none"))


@pytest.mark.parametrize("name", OWN)
def test_layers_blocks_and_features_are_as_said(name):
    from bcauto.models.blocks import blocks_of

    backbone = build(name).backbone
    assert len(backbone.layers) == BACKBONES[name].layers
    assert len(blocks_of(backbone)) == BLOCKS[name]
    assert backbone.output.shape[1:] == FEATURES[name]


@pytest.mark.parametrize("name", OWN)
def test_sides_that_cannot_be_halved_and_halved_again_will_do(name):
    model = build(name, (33, 45)).model
    assert np.isfinite(np.asarray(model(np.zeros((1, 33, 45, 3), np.uint8)))).all()


@pytest.mark.parametrize("name", OWN)
def test_every_kernel_is_regularized_where_it_is_asked_for(name, keras):
    classifier = build(name, (32, 32), head_units=(8,), l2=1e-3)
    kernels = [
        layer.kernel
        for layer in [*classifier.backbone.layers, *classifier.model.layers]
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    ]
    expected = 1e-3 * sum(float(np.sum(np.square(np.asarray(kernel)))) for kernel in kernels)
    assert float(sum(classifier.model.losses)) == pytest.approx(expected, rel=1e-5)
    assert build(name, (32, 32)).model.losses == []


def test_the_decoder_of_the_u_net_sees_what_the_encoder_saw(keras):
    backbone = build("UNet", (35, 32)).backbone
    for decoder, encoder in (("block5", "block3"), ("block6", "block2"), ("block7", "block1")):
        [skip, below] = backbone.get_layer(f"{decoder}_skip").input
        assert skip is backbone.get_layer(f"{encoder}_b_relu").output
        assert skip.shape[1:3] == below.shape[1:3]


def test_l2_enters_the_loss_of_a_step():
    from bcauto.recipe.training import Training
    from bcauto.training.device import Device
    from bcauto.training.losses import make_loss
    from bcauto.training.stages import Stage, compile_stage

    classifier, training = build("SmallCNN", (32, 32), l2=0.01, dropout=0.0), Training()
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    targets = np.eye(4, dtype=np.float32)[np.arange(8) % 4]
    loss = make_loss(training, np.arange(8) % 4, 4)
    stage = Stage("scratch", 1, 1e-3, 0, from_scratch=True)
    device = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
    compile_stage(classifier, stage, training, loss, device)
    probabilities = np.asarray(classifier.model(images, training=True))
    crossentropy = -np.log(probabilities[targets > 0]).mean()
    penalty = 0.01 * sum(
        float(np.square(w).sum()) for w in classifier.model.get_weights() if w.ndim > 1
    )
    assert penalty > 0.1
    loss = float(classifier.model.train_on_batch(images, targets))
    assert loss == pytest.approx(crossentropy + penalty, rel=1e-4)
