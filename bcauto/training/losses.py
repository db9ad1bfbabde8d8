"""Cross-entropy with class weights, for labels that may be shared between classes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from bcauto.recipe.training import Training

__all__ = ["SoftCrossentropy", "balanced_weights", "make_loss"]

_LEAST_DOUBT = 1e-6  # the least 1 - p: a power below 1 has no finite slope at 0


class SoftCrossentropy(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Cross-entropy in which each class' share of a label has the weight of that class.

    For a target t, smoothed to t', and probabilities p it is the mean over the batch of
    ``-sum(w[c] * t'[c] * (1 - p[c])**gamma * log(p[c]))``. With gamma above 0 that is the focal
    loss (Lin et al. 2017), and Keras' ``CategoricalFocalCrossentropy`` if the weights are its
    ``alpha``. With gamma 0, hard labels and no smoothing it is Keras' ``class_weight``, which would
    weight a soft label as a whole by the class of its largest share.

    Args:
        class_weight: (classes,) weights.
        label_smoothing: share of each label that is spread evenly over all classes, in [0, 1).
        focal_gamma: in 0..5.
    """

    def __init__(
        self,
        class_weight: NDArray[np.float64],
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        super().__init__(name="soft_crossentropy")
        self.class_weight, self.label_smoothing = class_weight, label_smoothing
        self.focal_gamma = focal_gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss (b,) of targets and probabilities (b, classes)."""
        classes = len(self.class_weight)
        targets = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        weighted = targets * keras.ops.cast(self.class_weight, targets.dtype)
        if self.focal_gamma:
            weighted *= keras.ops.maximum(1.0 - y_pred, _LEAST_DOUBT) ** self.focal_gamma
        # The backends' gradients are right only for targets that sum to 1: scale the loss instead.
        mass = keras.ops.sum(weighted, axis=-1)
        shares = weighted / keras.ops.expand_dims(mass, -1)
        return mass * keras.losses.categorical_crossentropy(shares, y_pred)


def make_loss(training: Training, labels: NDArray[np.integer], classes: int) -> SoftCrossentropy:
    """Return the loss that a recipe asks for, for training on ``labels`` (n,)."""
    balanced = training.balance == "class_weight"
    weights = balanced_weights(labels, classes) if balanced else np.ones(classes)
    return SoftCrossentropy(weights, training.label_smoothing, training.focal_gamma or 0.0)


def balanced_weights(labels: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Return scikit-learn's ``"balanced"`` weights (classes,): each class counts the same in sum.

    That is images / (classes present * images of the class), and 1 for an absent class.
    """
    weights, present = np.ones(classes), np.unique(labels)
    weights[present] = compute_class_weight("balanced", classes=present, y=labels)
    return weights
