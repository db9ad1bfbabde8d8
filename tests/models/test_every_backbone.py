"""Every backbone: built as a search with ImageNet weights does, and trained, saved and reloaded.

Nothing is downloaded. The large ones are trained where ``-m large`` asks for it.
"""

from __future__ import annotations

import numpy as np
import pytest

from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.training import Training
from bcauto.training.device import Device

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

CPU = Device("cpu", "float32", jit_compile=False, backend="tensorflow")
PRETRAINED = [name for name, entry in BACKBONES.items() if entry.pretrained]
SMALL = [
    *(name for name in BACKBONES if name not in PRETRAINED),
    "VGG16",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetB0",
    "EfficientNetV2B0",
]
BLOCKS = {  # stem, blocks of the paper's table, transitions, last convolution; as in the layers
    "VGG16": 5,
    "VGG19": 5,
    "MobileNet": 1 + 13,
    "MobileNetV2": 1 + 17 + 1,
    "MobileNetV3Small": 1 + 11 + 1,
    "MobileNetV3Large": 1 + 15 + 1,
    "ResNet50": 1 + 3 + 4 + 6 + 3,
    "ResNet50V2": 1 + 3 + 4 + 6 + 3,
    "InceptionV3": 11,
    "Xception": 14,
    "DenseNet121": 1 + 6 + 12 + 24 + 16 + 3,
    "NASNetMobile": 2 + 3 * 4 + 2,
    "EfficientNetB0": 1 + 16 + 1,
    "EfficientNetB1": 1 + 23 + 1,
    "EfficientNetB2": 1 + 23 + 1,
    "EfficientNetB3": 1 + 26 + 1,
    "EfficientNetB4": 1 + 32 + 1,
    "EfficientNetV2B0": 1 + 1 + 2 + 2 + 3 + 5 + 8 + 1,
    "EfficientNetV2B1": 1 + 2 + 3 + 3 + 4 + 6 + 9 + 1,
    "EfficientNetV2B2": 1 + 2 + 3 + 3 + 4 + 6 + 10 + 1,
    "EfficientNetV2B3": 1 + 2 + 3 + 3 + 5 + 7 + 12 + 1,
    "EfficientNetV2S": 1 + 2 + 4 + 4 + 6 + 9 + 15 + 1,
    "EfficientNetV2M": 1 + 3 + 5 + 5 + 7 + 14 + 18 + 5 + 1,
    "EfficientNetV2L": 1 + 4 + 7 + 7 + 10 + 19 + 25 + 7 + 1,
    "ConvNeXtTiny": 1 + 3 + 3 + 9 + 3 + 3,
    "ConvNeXtSmall": 1 + 3 + 3 + 27 + 3 + 3,
    "ConvNeXtBase": 1 + 3 + 3 + 27 + 3 + 3,
    "ConvNeXtLarge": 1 + 3 + 3 + 27 + 3 + 3,
    "ConvNeXtXLarge": 1 + 3 + 3 + 27 + 3 + 3,
}


def build(name, weights):
    from bcauto.models.build import build_classifier

    side = BACKBONES[name].least_side
    return build_classifier(Network(backbone=name), (side, side), 3, Weights(weights))


def batch_norms(keras, backbone):
    every = backbone._flatten_layers()  # also those inside of layers
    return [one for one in every if isinstance(one, keras.layers.BatchNormalization)]


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
@pytest.mark.parametrize("name", PRETRAINED)
def test_a_backbone_has_its_layers_and_blocks_and_never_trains_its_batch_norms(
    name, keras, downloads
):
    from bcauto.models.blocks import blocks_of

    with keras.StatelessScope(initialize_variables=False):  # weights without values take no memory
        classifier = build(name, "imagenet")
    backbone = classifier.backbone
    assert len(downloads) == 1
    assert len(backbone.layers) == BACKBONES[name].layers
    blocks = blocks_of(backbone)
    assert (len(blocks), len({block.name for block in blocks})) == (BLOCKS[name], BLOCKS[name])
    classifier.freeze(0)
    assert not any(norm.trainable_weights for norm in batch_norms(keras, backbone))
    assert backbone.trainable_weights


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
@pytest.mark.parametrize("size", [(96, 96), (128, 128), (160, 192), (224, 224), (260, 260)])
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2"])
def test_of_a_mobilenet_the_download_for_the_size_of_the_images_is_locked(
    name, size, keras, downloads
):
    from bcauto.models.backbone import build_backbone

    with keras.StatelessScope(initialize_variables=False):
        build_backbone(Network(backbone=name), (*size, 3), Weights("imagenet"))
    assert len(downloads) == 1


@pytest.mark.parametrize(
    "name",
    [name if name in SMALL else pytest.param(name, marks=pytest.mark.large) for name in BACKBONES],
)
def test_a_backbone_trains_a_step_and_is_saved_and_loaded_safely(name, keras, released, tmp_path):
    from bcauto.training.losses import make_loss
    from bcauto.training.run import save_model
    from bcauto.training.stages import Stage, compile_stage

    classifier, training = build(name, "none"), Training(batch_size=2)
    assert len(classifier.backbone.layers) == BACKBONES[name].layers
    stage = Stage("scratch", 1, 1e-3, 0, from_scratch=True)
    loss = make_loss(training, np.arange(3), 3)
    compile_stage(classifier, stage, training, loss, CPU)
    model = classifier.model
    model.run_eagerly = True  # one step is not worth a trace
    images = np.random.default_rng(0).integers(0, 256, (2, *model.input.shape[1:]), np.uint8)
    before = model.get_layer("classes").get_weights()[0]
    assert np.isfinite(model.train_on_batch(images, np.eye(3)[:2]))
    assert not np.array_equal(model.get_layer("classes").get_weights()[0], before)
    expected = np.asarray(model(images, training=False))
    save_model(model, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(np.asarray(again(images)), expected, atol=1e-6)
