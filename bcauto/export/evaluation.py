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

__all__ = ["class_table", "evaluate_labels"]


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
