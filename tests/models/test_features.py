"""The features that a model's last layer takes: that layer makes of them what the model gives."""

import numpy as np
import pytest
from scipy.special import softmax

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("head", [{}, {"head_units": (8,), "pooling": "flatten"}])
def test_the_last_layer_makes_of_them_what_the_model_gives(keras, head):
    from bcauto.models.build import build_classifier
    from bcauto.models.features import penultimate_features

    network = Network(backbone="SmallCNN", **head)
    model = build_classifier(network, (32, 32), 4, Weights("none")).model
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    features = penultimate_features(model)(images)
    weights, bias = model.layers[-1].get_weights()
    assert features.shape == (5, len(weights))
    expected = np.asarray(model.predict_on_batch(images))
    assert softmax(features @ weights + bias, axis=1) == pytest.approx(expected, abs=1e-5)
