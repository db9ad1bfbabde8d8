"""The peer of ``training.py``: a network that Keras' own ``fit`` trains, an epoch at a time.

No benchmark itself: Keras is imported here, which ``training.py`` first sets to one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from bcauto.data.labelled import Labelled
from bcauto.models.blocks import count_frozen
from bcauto.models.build import build_classifier
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe

__all__ = ["BareFit"]


class BareFit:
    """The network of a recipe, compiled and trained by plain Keras."""

    def __init__(self, recipe: Recipe, train: Labelled, classes: int, weights: Weights) -> None:
        network, training = recipe.model, recipe.training
        classifier = build_classifier(network, train.image_size, classes, weights)
        if weights.pretrains(network):
            classifier.freeze(count_frozen(network, classifier.backbone))
        steps = training.epochs * len(train) // training.batch_size
        rate = keras.optimizers.schedules.CosineDecay(training.learning_rate, steps)
        classifier.model.compile(
            optimizer=keras.optimizers.Adam(rate),
            loss="sparse_categorical_crossentropy",
            jit_compile=False,
        )
        self.model, self.train, self.batch_size = classifier.model, train, training.batch_size

    def time_epoch(self, now: Callable[[], np.ndarray]) -> np.ndarray:
        """Trains an epoch; the time by ``now``, without what ``fit`` does before and after it."""
        clock = _Clock(now)
        images, labels = self.train.images, self.train.labels
        self.model.fit(images, labels, self.batch_size, verbose=0, callbacks=[clock])
        return clock.ended - clock.began


class _Clock(keras.callbacks.Callback):
    def __init__(self, now: Callable[[], np.ndarray]) -> None:
        super().__init__()
        self.now = now

    def on_epoch_begin(self, *_: Any) -> None:
        self.began = self.now()

    def on_epoch_end(self, *_: Any) -> None:
        self.ended = self.now()
