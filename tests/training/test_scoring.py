from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.training.device import start_keras

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def model() -> Any:
    start_keras(1)
    from bcauto.models.build import build_classifier

    network = Network(backbone="SmallCNN")
    return build_classifier(network, (16, 24), 5, Weights("none")).model


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (300, 16, 24, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 127, 128, 129, 300])
def test_labels_are_those_of_predict(count, model, pictures):
    from bcauto.training.scoring import predict_probabilities

    labels = predict_probabilities(model, pictures[:count]).argmax(axis=1)
    expected = model.predict(pictures[:count].astype(np.float32), verbose=0).argmax(axis=1)
    assert (labels.shape, labels.dtype) == ((count,), np.int64)
    assert np.array_equal(labels, expected)


@pytest.mark.parametrize("count", [1, 128, 129])
def test_probabilities_are_those_of_predict(count, model, pictures):
    from bcauto.training.scoring import predict_probabilities

    found = predict_probabilities(model, pictures[:count])
    expected = model.predict(pictures[:count].astype(np.float32), verbose=0)
    assert (found.shape, found.dtype) == ((count, 5), np.float32)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_pictures_have_several_labels(model, pictures):
    from bcauto.training.scoring import predict_probabilities

    assert len(set(predict_probabilities(model, pictures).argmax(axis=1).tolist())) > 1


def test_one_shape_is_compiled_for_any_number_of_pictures(model, pictures, monkeypatch):
    from bcauto.training.scoring import predict_probabilities

    shapes = set()
    predict = model.predict_on_batch
    monkeypatch.setattr(
        model, "predict_on_batch", lambda images: (shapes.add(images.shape), predict(images))[1]
    )
    for count in (1, 129):
        predict_probabilities(model, pictures[:count]).argmax(axis=1)
    assert len(shapes) == 1
