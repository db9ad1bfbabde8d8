"""Labels that are likely wrong, by confident learning, and what a list of them is worth.

Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, Journal
of Artificial Intelligence Research 70, 2021. Their package, cleanlab, has more ways to rank than
are needed here.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bcauto.data.labelled import Labels
from bcauto.inspection.collection import Indices
from bcauto.inspection.features import Features
from bcauto.seeds import derive, generator

__all__ = ["LabelError", "LabelErrors", "Worth", "confident_errors", "find_label_errors"]

Probabilities = NDArray[Any]

_FOLDS = 5  # at most; a class is in each of them
_FLIPPED = 0.05  # of the labels, to see how many of them are found
_STRENGTH = 0.1  # of the regression, scikit-learn's C: the inverse of its regularisation
_STEPS = 300


@dataclass(frozen=True)
class LabelError:
    """A picture whose label is likely wrong.

    Attributes:
        number: of the picture.
        given: its label.
        suggested: the label that is more likely.
        probability_given: that a model which did not see the picture gives its label.
        probability_suggested: and the other one.
    """

    number: int
    given: int
    suggested: int
    probability_given: float
    probability_suggested: float


@dataclass(frozen=True)
class Worth:
    """What a list of likely label errors is worth here, measured on labels changed on purpose.

    Attributes:
        flipped: how many labels were changed at random.
        found: how many of these are in the list then.
        listed: how many pictures the list has then; those beyond ``found`` are mistakes of the
            list, or errors that were there before.
    """

    flipped: int
    found: int
    listed: int

    @property
    def recall(self) -> float:
        """The share of changed labels that are found."""
        return self.found / self.flipped if self.flipped else 0.0

    @property
    def precision(self) -> float:
        """The share of the list that was changed: at least so much of such a list is right."""
        return self.found / self.listed if self.listed else 0.0


@dataclass(frozen=True)
class LabelErrors:
    """Likely label errors, the surest first.

    Attributes:
        errors: the list; () where ``reason`` says why there can be none.
        accuracy: of the cross-validated model, by the labels as they are.
        worth: of such a list on these pictures.
        reason: why no list could be made; "" otherwise.
    """

    errors: tuple[LabelError, ...]
    accuracy: float = 0.0
    worth: Worth | None = None
    reason: str = ""


def find_label_errors(features: Features, labels: Labels, among: Indices, seed: int) -> LabelErrors:
    """Return which labels are likely wrong.

    Probabilities come from a logistic regression on the features, cross-validated.

    Args:
        features: (n, d), standardised.
        labels: (n,).
        among: numbers of the pictures that are looked at: each content once, no intruders.
        seed: of the folds, and of the labels that are changed to measure the list's worth.
    """
    rows, of_row = features[among], labels[among]
    classes, known = np.unique(of_row, return_inverse=True)
    if len(classes) < 2 or np.bincount(known).min() < 2:
        return LabelErrors((), reason="every class needs two pictures that are no copies")
    probabilities = _cross_validated(rows, known, seed)
    errors = confident_errors(probabilities, known)
    accuracy = float((probabilities.argmax(axis=1) == known).mean())
    found = tuple(
        LabelError(
            int(among[at]),
            int(classes[known[at]]),
            int(classes[other]),
            float(probabilities[at, known[at]]),
            float(probabilities[at, other]),
        )
        for at, other in errors
    )
    return LabelErrors(found, accuracy, _worth(rows, known, seed))


def confident_errors(probabilities: Probabilities, labels: Labels) -> list[tuple[int, int]]:
    """Return (row, suggested label) of likely errors, the surest first.

    A class is confident about a row if its probability there is at least its mean over the rows
    with that label. A row is listed if, of the classes that are confident, the most probable one
    is not its label. The largest gap between the two probabilities comes first.

    Args:
        probabilities: (n, k) of models that have not seen the row.
        labels: (n,), each of 0..k-1 used.
    """
    count = probabilities.shape[1]
    thresholds = np.array([probabilities[labels == k, k].mean() for k in range(count)])
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    suggested = confident.argmax(axis=1)
    listed = np.flatnonzero((confident.max(axis=1) >= 0) & (suggested != labels))
    gaps = probabilities[listed, suggested[listed]] - probabilities[listed, labels[listed]]
    listed = listed[np.argsort(-gaps, kind="stable")]
    return [(int(row), int(suggested[row])) for row in listed]


def _cross_validated(rows: Features, labels: Labels, seed: int) -> Probabilities:
    """Return the probabilities (n, k) of each row by a model that has not seen it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    state = derive(seed, "label errors") % 2**32
    count = min(_FOLDS, int(np.bincount(labels).min()))
    folds = StratifiedKFold(count, shuffle=True, random_state=state)
    model = LogisticRegression(C=_STRENGTH, max_iter=_STEPS)
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps that did not suffice: good enough to rank
        found: Probabilities = cross_val_predict(
            model, rows, labels, cv=folds, method="predict_proba"
        )
    return found


def _worth(rows: Features, labels: Labels, seed: int) -> Worth:
    """Return how many of the labels that are changed at random a list finds."""
    random = generator(seed, "changed labels")
    count, classes = len(labels), int(labels.max()) + 1
    changed = random.permutation(count)[: round(_FLIPPED * count)]
    noisy = labels.copy()
    noisy[changed] = (labels[changed] + random.integers(1, classes, len(changed))) % classes
    if np.bincount(noisy, minlength=classes).min() < 2:
        return Worth(0, 0, 0)
    listed = {row for row, _ in confident_errors(_cross_validated(rows, noisy, seed), noisy)}
    return Worth(len(changed), len(listed & {*changed.tolist()}), len(listed))
