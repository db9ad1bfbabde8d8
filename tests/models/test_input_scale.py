from __future__ import annotations

import importlib

import numpy as np
import pytest

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

SCALES = {  # a backbone of each
    "symmetric": "MobileNet",
    "caffe": "VGG16",
    "torch": "DenseNet121",
    "none": "EfficientNetV2B0",
}


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


def as_keras_does(keras, name, pictures):
    module = importlib.import_module(getattr(keras.applications, name).__module__)
    return module.preprocess_input(pictures.astype("float32"))


@pytest.mark.parametrize("name", SCALES.values())
def test_a_backbone_inside_a_classifier_gets_the_scale_of_keras(name, keras, pictures):
    from bcauto.models.build import build_classifier

    with keras.StatelessScope(initialize_variables=False):  # scaling needs no weights
        classifier = build_classifier(Network(backbone=name), (32, 32), 3, Weights("none"))
    layers = classifier.model.layers
    before = layers[layers.index(classifier.backbone) - 1]
    received = keras.Model(classifier.model.input, before.output)(pictures)
    expected = as_keras_does(keras, name, pictures)
    np.testing.assert_allclose(np.asarray(received), expected, atol=1e-4)


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_survives_saving_and_safe_loading(scale, keras, pictures, tmp_path):
    from bcauto.models.backbone import scaled

    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, scaled(inputs, scale))
    model.save(tmp_path / "scale.keras")
    again = keras.saving.load_model(tmp_path / "scale.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(pictures)), np.asarray(model(pictures)))
