import dataclasses
import fnmatch
import inspect
import sys

import numpy as np
import pytest

from bcauto.recipe.backbones import BACKBONES

PRETRAINED = [name for name, entry in BACKBONES.items() if entry.pretrained]
CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR
TORCH_MEAN, TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL = [
    ("MobileNet", 0.25),
    ("MobileNetV2", 0.35),
    ("MobileNetV3Small", 1.0),
    ("EfficientNetB0", 1.0),
    ("EfficientNetV2B0", 1.0),
    ("VGG16", 1.0),
]


def builder(name):
    import keras

    return getattr(keras.applications, name)


def scaled(pixels, scale):
    return {
        "none": pixels,
        "symmetric": pixels / 127.5 - 1,
        "caffe": pixels[..., ::-1] - CAFFE_MEAN,
        "torch": (pixels / 255 - TORCH_MEAN) / TORCH_DEVIATION,
    }[scale]


def test_the_catalogue_is_keyed_by_name_and_cannot_be_changed():
    assert all(name == entry.name for name, entry in BACKBONES.items())
    assert len({name.lower() for name in BACKBONES}) == len(BACKBONES)
    with pytest.raises(TypeError):
        BACKBONES["Mine"] = BACKBONES["VGG16"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        BACKBONES["VGG16"].layers = 3


@pytest.mark.parametrize("entry", BACKBONES.values(), ids=BACKBONES)
def test_every_backbone_has_the_width_that_a_recipe_has_by_default(entry):
    assert 1.0 in entry.alphas
    assert list(entry.alphas) == sorted(set(entry.alphas))


def test_only_our_own_networks_have_no_pretrained_weights():
    own = {"SmallCNN", "FourBlockCNN", "CifarCNN", "UNet"}
    assert set(BACKBONES) - set(PRETRAINED) == own


@pytest.mark.parametrize(
    ("name", "alpha", "file"),
    [
        ("MobileNet", 0.25, "mobilenet_0.25.weights.h5"),
        ("MobileNet", 1.0, "mobilenet_1.0.weights.h5"),
        ("MobileNetV2", 0.35, "mobilenetv2_0.35.weights.h5"),
        ("MobileNetV3Small", 1.0, "mobilenetv3small.weights.h5"),
        ("VGG16", 1.0, "vgg16.weights.h5"),
    ],
)
def test_a_weights_file_is_named_after_backbone_and_width(name, alpha, file):
    assert BACKBONES[name].weights_name(alpha) == file


def test_no_two_networks_share_a_weights_file():
    files = [e.weights_name(a) for e in BACKBONES.values() for a in e.alphas]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize(
    ("name", "alpha", "file"),
    [  # as Keras downloads them
        ("MobileNet", 0.25, "mobilenet_2_5_224_tf_no_top.h5"),
        ("MobileNet", 1.0, "mobilenet_1_0_128_tf_no_top.h5"),
        (
            "MobileNetV2",
            0.35,
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5",
        ),
        ("ResNet50", 1.0, "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("EfficientNetV2S", 1.0, "efficientnetv2-s_notop.h5"),
        ("ConvNeXtBase", 1.0, "convnext_base_notop.h5"),
    ],
)
def test_a_download_is_found_by_its_name_and_no_other_is(name, alpha, file):
    found = {
        (entry.name, width)
        for entry in BACKBONES.values()
        for width in entry.alphas
        if entry.pretrained and fnmatch.fnmatchcase(file, entry.cached_name(width))
    }
    assert found == {(name, alpha)}


@pytest.mark.keras
@pytest.mark.parametrize("name", PRETRAINED)
def test_keras_has_every_pretrained_backbone_and_takes_no_smaller_side(name):
    side = BACKBONES[name].least_side - 1
    with pytest.raises(ValueError, match=f"at least {side + 1}x{side + 1}"):
        builder(name)(include_top=False, weights=None, input_shape=(side, side, 3))


@pytest.mark.keras
@pytest.mark.parametrize("name", PRETRAINED)
def test_the_input_scale_is_the_one_of_keras_own_preprocessing(name):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3))
    preprocess = sys.modules[inspect.unwrap(builder(name)).__module__].preprocess_input
    wanted = preprocess(pixels.copy(), data_format="channels_last")
    np.testing.assert_allclose(wanted, scaled(pixels, BACKBONES[name].scale), atol=1e-4)


@pytest.mark.keras
@pytest.mark.parametrize(("name", "alpha"), SMALL)
def test_layers_and_download_are_keras_own(name, alpha, monkeypatch):
    import keras
    from keras.src.utils import file_utils

    asked = []
    monkeypatch.setattr(file_utils, "get_file", lambda file, *_args, **_kw: asked.append(file))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_args, **_kw: None)
    width = {"alpha": alpha} if len(BACKBONES[name].alphas) > 1 else {}
    model = builder(name)(include_top=False, input_shape=(224, 224, 3), **width)
    assert len(model.layers) == BACKBONES[name].layers
    assert [fnmatch.fnmatchcase(f, BACKBONES[name].cached_name(alpha)) for f in asked] == [True]
