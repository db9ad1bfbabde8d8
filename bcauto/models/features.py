"""The features that a classifier sees in images: what its last layer takes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.models.build import build_classifier
from bcauto.proxy.distance import Extract
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

__all__ = ["penultimate_features", "pretrained_features"]


def pretrained_features(network: Network, image_size: tuple[int, int], weights: Weights) -> Extract:
    """Return a function that gives the features that a network's head ends in, before training.

    Args:
        network: without dense layers in its head these are the pooled features of its backbone.
        image_size: (height, width) of the images in px.
        weights: where its pretrained weights come from.
    """
    return penultimate_features(build_classifier(network, image_size, 2, weights).model)


def penultimate_features(classifier: Any) -> Extract:
    """Return a function that gives what a Keras classifier's last layer takes, flattened."""
    inner = keras.Model(classifier.inputs, classifier.layers[-1].input)

    def extract(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        features = np.asarray(inner.predict_on_batch(images), dtype=np.float32)
        return features.reshape(len(images), -1)

    return extract
