from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("keras")]

OBLONG = (32, 48)
NARROW = Network(backbone="MobileNet", alpha=0.25)


@pytest.fixture(scope="module")
def build() -> Callable[..., Any]:
    from bcauto.models.build import build_classifier

    def make(network: Network, weights: str = "none", classes: int = 3) -> Any:
        return build_classifier(network, OBLONG, classes, Weights(weights))

    return make


@pytest.fixture(scope="module")
def small(build):
    return build(Network(backbone="SmallCNN"))


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, *OBLONG, 3), np.uint8)


def kernel(layers):
    return np.asarray(next(one for one in layers if one.name == "conv1").kernel)


def kernel_in(file):
    with h5py.File(file) as stored:
        return stored["layers/conv2d/vars/0"][:]


def received(keras, classifier):
    """The model of what a backbone sees that scales inside."""
    [resize] = [one for one in classifier.model.operations if type(one).__name__ == "Resize"]
    return keras.Model(classifier.model.input, resize.output)


def head(classifier):
    layers = classifier.model.layers
    return layers[layers.index(classifier.backbone) + 1 :]


def test_probabilities_of_oblong_pictures(small, pictures):
    probabilities = small.model.predict_on_batch(pictures)
    assert (probabilities.shape, probabilities.dtype) == ((5, 3), np.float32)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(probabilities, axis=0).max() > 0


def test_a_dtype_makes_no_difference(small, pictures):
    of_bytes = small.model.predict_on_batch(pictures)
    of_floats = small.model.predict_on_batch(pictures.astype(np.float32))
    np.testing.assert_array_equal(of_bytes, of_floats)


def test_two_classes(build, pictures):
    probabilities = build(Network(backbone="SmallCNN"), classes=2).model(pictures)
    assert probabilities.shape == (5, 2)


def test_the_head_is_as_asked_for(build, keras):
    layers = head(build(Network(backbone="SmallCNN", head_units=(24, 8), dropout=0.45)))
    kinds = [type(one).__name__ for one in layers]
    dense = ["Dense", "Activation", "Dropout"]
    assert kinds == ["GlobalAveragePooling2D", "Dropout", *dense, *dense, "Dense"]
    assert [one.units for one in layers if isinstance(one, keras.layers.Dense)] == [24, 8, 3]
    assert layers[-1].activation.__name__ == "softmax"
    rates = [one.rate for one in layers if isinstance(one, keras.layers.Dropout)]
    assert rates == [0.45] * 3


def test_a_head_without_units_is_one_layer(build, keras):
    layers = head(build(Network(backbone="SmallCNN", head_units=())))
    assert [type(one).__name__ for one in layers] == ["GlobalAveragePooling2D", "Dropout", "Dense"]


def test_a_folders_weights_are_the_backbones(build, real_weights):
    file = real_weights / "mobilenet_0.25.weights.h5"
    loaded = kernel(build(NARROW, weights=str(real_weights)).backbone.layers)
    np.testing.assert_array_equal(loaded, kernel_in(file))


def test_widths_have_files_of_their_own(build, real_weights):
    wide = Network(backbone="MobileNet", alpha=0.75)
    loaded = kernel(build(wide, weights=str(real_weights)).backbone.layers)
    np.testing.assert_array_equal(loaded, kernel_in(real_weights / "mobilenet_0.75.weights.h5"))


def test_without_weights_a_backbone_starts_at_random(build, real_weights, keras):
    keras.utils.set_random_seed(1)
    one, other = (kernel(build(NARROW).backbone.layers) for _ in range(2))
    stored = kernel_in(real_weights / "mobilenet_0.25.weights.h5")
    assert not np.allclose(one, stored)
    assert not np.allclose(one, other)


def test_a_network_that_is_not_to_be_pretrained_starts_at_random(build, real_weights):
    scratch = NARROW.model_copy(update={"pretrained": False})
    stored = kernel_in(real_weights / "mobilenet_0.25.weights.h5")
    random = kernel(build(scratch, weights=str(real_weights)).backbone.layers)
    assert not np.allclose(random, stored)


def test_images_are_resized_inside_as_opencv_does_it(build, keras, pictures):
    classifier = build(Network(backbone="EfficientNetV2B0", image_side=64))
    assert classifier.backbone.input.shape[1:3] == (64, 96)  # 32 x 48 by two
    larger = np.asarray(received(keras, classifier)(pictures))
    expected = [cv2.resize(one.astype(np.float32), (96, 64)) for one in pictures]  # bilinear
    np.testing.assert_allclose(larger, expected, atol=1e-3)


@pytest.mark.parametrize("side", [0, 32])
def test_images_that_have_their_side_are_not_resized(side, small, build):
    classifier = build(Network(backbone="SmallCNN", image_side=side))
    assert len(classifier.model.layers) == len(small.model.layers)


def test_a_model_that_resizes_is_plain_keras(build, keras, pictures, tmp_path):
    model = build(Network(backbone="SmallCNN", image_side=48)).model
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.input.shape[1:3] == OBLONG
    expected = np.asarray(model(pictures, training=False))
    np.testing.assert_array_equal(np.asarray(again(pictures, training=False)), expected)


def test_a_model_that_resizes_does_not_think_that_it_trains(build, pictures):
    """As behind keras.layers.Resizing, whose call trains where nobody says anything."""
    model = build(Network(backbone="SmallCNN", image_side=48)).model
    expected = np.asarray(model(pictures, training=False))
    np.testing.assert_array_equal(np.asarray(model(pictures)), expected)
    assert not np.allclose(np.asarray(model(pictures, training=True)), expected)


def test_parameters_of_a_head(build):
    classifier = build(NARROW, classes=4)
    classifier.freeze(86)
    assert classifier.trainable_parameters == (256 + 1) * 4


@pytest.fixture
def efficientnet_weights(tmp_path, keras, monkeypatch):
    """A folder of made-up ImageNet weights, which Keras takes for a download of its own too."""
    backbone = keras.applications.EfficientNetB0(include_top=False, weights=None)
    statistics = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    backbone.layers[2].set_weights([*statistics, np.array(0)])
    file = tmp_path / "efficientnetb0.weights.h5"
    backbone.save_weights(file)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    return tmp_path


def stem(keras, backbone, pictures):
    return np.asarray(keras.Model(backbone.input, backbone.get_layer("stem_conv").output)(pictures))


def test_weights_of_a_folder_make_the_efficientnet_of_keras(
    build, keras, efficientnet_weights, pictures
):
    shape = (*OBLONG, 3)
    theirs = keras.applications.EfficientNetB0(include_top=False, input_shape=shape)
    ours = build(Network(backbone="EfficientNetB0"), weights=str(efficientnet_weights)).backbone
    expected = stem(keras, theirs, pictures)
    np.testing.assert_allclose(stem(keras, ours, pictures), expected, rtol=1e-4, atol=1e-4)


def test_a_copy_of_an_efficientnet_computes_the_same(build, keras, efficientnet_weights, pictures):
    network = Network(backbone="EfficientNetB0")
    downloaded, copy = build(network, weights="imagenet"), build(network, weights="none")
    copy.copy_weights(downloaded)
    expected = stem(keras, downloaded.backbone, pictures)
    np.testing.assert_array_equal(stem(keras, copy.backbone, pictures), expected)
    pairs = zip(downloaded.model.get_weights(), copy.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_pretrained_features_tell_real_cells_apart(keras, real_cells_96, real_weights):
    from bcauto.models.build import build_classifier

    with np.load(real_cells_96) as stored:
        images, labels = (stored[name][:3600:9] for name in ("images", "labels"))
    model = build_classifier(NARROW, (96, 96), 8, Weights(str(real_weights))).model
    pool = keras.Model(model.input, model.get_layer("pool").output)
    features, labels = pool.predict(images, verbose=0), labels.ravel()
    train = np.arange(len(images)) % 3 > 0
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    accuracy = linear.fit(features[train], labels[train]).score(features[~train], labels[~train])
    assert accuracy > 0.65  # 0.73 with these weights, 0.45 with random ones
