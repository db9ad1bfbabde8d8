"""Builds every backbone as a search with ImageNet weights does; nothing is downloaded."""

from __future__ import annotations

from typing import Any

import pytest

from bcauto.backbones import BACKBONES
from bcauto.recipe import Network
from bcauto.training.device import start_keras
from bcauto.weights import Weights

pytestmark = pytest.mark.keras

PRETRAINED = [name for name, entry in BACKBONES.items() if entry.pretrained]


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    start_keras(1)
    import keras

    return keras


@pytest.fixture
def downloads(keras, monkeypatch) -> list[str]:
    """The names of the files that Keras would have downloaded."""
    names: list[str] = []
    get_file = "keras.src.utils.file_utils.get_file"
    monkeypatch.setattr(get_file, lambda name, *_, **__: names.append(name))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    return names


def build(keras, name):
    """A classifier whose weights have no values, which takes no memory."""
    from bcauto.models import build_classifier

    side = BACKBONES[name].least_side
    with keras.StatelessScope(initialize_variables=False):
        return build_classifier(Network(backbone=name), (side, side), 3, Weights("imagenet"))


def batch_norms(keras, backbone):
    every = backbone._flatten_layers()  # also those inside of layers
    return [one for one in every if isinstance(one, keras.layers.BatchNormalization)]


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
@pytest.mark.parametrize("name", PRETRAINED)
def test_a_backbone_builds_and_never_trains_its_batch_norms(name, keras, downloads):
    classifier = build(keras, name)
    # One more in the first EfficientNets: the layer that goes with ImageNet weights.
    extra = int(name.startswith("EfficientNetB"))
    assert len(classifier.backbone.layers) == BACKBONES[name].layers + extra
    assert len(downloads) == 1
    classifier.unfreeze_above(0)
    assert not any(norm.trainable_weights for norm in batch_norms(keras, classifier.backbone))
    assert classifier.backbone.trainable_weights
