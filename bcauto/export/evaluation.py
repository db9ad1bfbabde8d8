"""Scores of predicted against true labels, as scikit-learn defines them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, recall_score

__all__ = ["evaluate_labels"]


def evaluate_labels(
    truth: np.ndarray, predicted: np.ndarray, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """Return accuracy, balanced accuracy, macro-F1 (all 0..1), recalls and confusion matrix.

    A class that does not occur in ``truth`` has a recall of None, and balanced accuracy and
    macro-F1 leave it out.

    Args:
        truth: (n,) class indices.
        predicted: (n,) class indices.
        class_names: the classes by index.

    Returns:
        The object that ``bcauto evaluate --json`` prints; rows of the matrix are true classes.
    """
    present = np.unique(truth)
    recalls = recall_score(truth, predicted, labels=present, average=None, zero_division=0)
    by_class = {class_names[label]: float(r) for label, r in zip(present, recalls, strict=True)}
    matrix = confusion_matrix(truth, predicted, labels=range(len(class_names)))
    return {
        "n": len(truth),
        "accuracy": float(np.mean(truth == predicted)),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(
            f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
        ),
        "per_class_recall": {name: by_class.get(name) for name in class_names},
        "confusion_matrix": matrix.tolist(),
    }
