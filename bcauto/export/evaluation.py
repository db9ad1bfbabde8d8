"""Scores of predictions against true labels, as scikit-learn defines them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import (
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

__all__ = ["class_recalls", "class_table", "evaluate_labels"]


def class_recalls(
    truth: np.ndarray, predicted: np.ndarray, classes: int
) -> tuple[float | None, ...]:
    """Return the recall of each class in 0..1, None of one that does not occur in ``truth``.

    Args:
        truth: (n,) class indices.
        predicted: (n,) class indices.
        classes: how many there are.
    """
    present = np.unique(truth).tolist()
    recalls = recall_score(truth, predicted, labels=present, average=None, zero_division=0)
    by_class = dict(zip(present, recalls.tolist(), strict=True))
    return tuple(by_class.get(label) for label in range(classes))


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
    recalls = class_recalls(truth, predicted, len(class_names))
    matrix = confusion_matrix(truth, predicted, labels=range(len(class_names)))
    return {
        "n": len(truth),
        "accuracy": float(np.mean(truth == predicted)),
        "balanced_accuracy": float(np.mean([recall for recall in recalls if recall is not None])),
        "macro_f1": float(
            f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
        ),
        "per_class_recall": dict(zip(class_names, recalls, strict=True)),
        "confusion_matrix": matrix.tolist(),
    }


def class_table(
    truth: np.ndarray, probabilities: np.ndarray, class_names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return precision, recall, F1, support and ROC AUC of each class against all others.

    A value is None where it is not defined: the recall of a class that does not occur, the
    precision of one that is never predicted, the AUC of one that does not occur or is alone.

    Args:
        truth: (n,) class indices.
        probabilities: (n, classes).
        class_names: the classes by index.
    """
    columns = precision_recall_fscore_support(
        truth, probabilities.argmax(axis=1), labels=range(len(class_names)), zero_division=np.nan
    )
    table = []
    for label, (name, *scores, support) in enumerate(zip(class_names, *columns, strict=True)):
        defined = [None if np.isnan(value) else float(value) for value in scores]
        precision, recall, f1 = defined
        auc = None
        if 0 < support < len(truth):
            auc = float(roc_auc_score(truth == label, probabilities[:, label]))
        table.append(
            {
                "class": name,
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "support": int(support),
                "roc_auc": auc,
            }
        )
    return table
