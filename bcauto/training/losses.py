"""The loss: cross-entropy for labels that may be shared between classes, which have weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bcauto.recipe import Training

__all__ = ["SoftCrossentropy", "balanced_weights", "make_loss"]


class SoftCrossentropy(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Cross-entropy in which every class' part of a label has the weight of that class.

    For a target t, smoothed to t', and probabilities p it is the mean over the batch of
    ``-sum(w[c] * t'[c] * log(p[c]))``. With hard labels and no smoothing that is Keras'
    ``class_weight``, which for soft ones would take the weight of the largest part for all of it.

    Args:
        class_weight: (classes,) weights.
        label_smoothing: share of each label that is spread evenly over all classes, in [0, 1).
    """

    def __init__(self, class_weight: NDArray[np.float64], label_smoothing: float = 0.0) -> None:
        super().__init__(name="soft_crossentropy")
        self.class_weight, self.label_smoothing = class_weight, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each of (b, classes) targets and probabilities."""
        classes = len(self.class_weight)
        targets = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        weighted = targets * keras.ops.cast(self.class_weight, targets.dtype)
        # The backends' gradients hold for targets that sum to one only, so the sum is set apart.
        mass = keras.ops.sum(weighted, axis=-1)
        shares = weighted / keras.ops.expand_dims(mass, -1)
        return mass * keras.losses.categorical_crossentropy(shares, y_pred)


def make_loss(training: Training, labels: NDArray[np.integer], classes: int) -> SoftCrossentropy:
    """The loss that a recipe asks for, for training on (n,) ``labels``."""
    balanced = training.class_weight == "balanced"
    weights = balanced_weights(labels, classes) if balanced else np.ones(classes)
    return SoftCrossentropy(weights, training.label_smoothing)


def balanced_weights(labels: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """(classes,): images over (classes present times images of the class), 1 for an absent class.

    scikit-learn's ``"balanced"``, so that every class weighs the same in all.
    """
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    weights = np.ones(classes)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights
