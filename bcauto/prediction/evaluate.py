"""A model's predictions for labelled images: its scores, its worst mistakes, and what it knew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.data.fingerprints import Part, PictureFingerprints
from bcauto.data.labelled import NamedImages
from bcauto.export.evaluation import class_table, evaluate_labels
from bcauto.export.load import LoadedModel

__all__ = ["Evaluation", "Mistake", "evaluate"]


@dataclass(frozen=True)
class Mistake:
    """A picture that a model takes for another class.

    Attributes:
        index: of the picture.
        truth: its class, as an index.
        predicted: the class that the model says.
        probability: of that class.
        of_truth: the probability of its true class.
    """

    index: int
    truth: int
    predicted: int
    probability: float
    of_truth: float


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """What a model says of labelled images.

    Attributes:
        images: with their labels and names.
        probabilities: (n, classes) float32.
        class_names: in the model's order.
        seen: for each picture, what it was for when the model was made; None for a new one. All is
            None where the model's fingerprints are not known.
    """

    images: NamedImages
    probabilities: NDArray[np.float32]
    class_names: tuple[str, ...]
    seen: Sequence[Part | None] | None

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each picture, as (n,) indices."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    @cached_property
    def scores(self) -> dict[str, Any]:
        """Accuracy, balanced accuracy, macro-F1 (in 0..1), recalls, the confusion matrix."""
        return evaluate_labels(self.images.labels, self.predicted, self.class_names)

    def __repr__(self) -> str:
        words = ("accuracy", "balanced_accuracy", "macro_f1")
        shown = ", ".join(f"{word.replace('_', ' ')} {self.scores[word]:.4f}" for word in words)
        return f"<evaluation of {len(self.predicted)} images: {shown}>"

    def as_dict(self) -> dict[str, Any]:
        """Return all its scores as plain values that JSON can hold."""
        return {
            **self.scores,
            "per_class": class_table(self.images.labels, self.probabilities, self.class_names),
            "seen": self.count_seen(),
            "accuracy_on_unseen": self.accuracy_on_unseen,
        }

    @property
    def accuracy_on_unseen(self) -> float | None:
        """The accuracy on pictures that the model was not made with; None where that is unknown."""
        unseen = np.array([each is None for each in self.seen or ()], bool)
        right = self.predicted == self.images.labels
        return float(right[unseen].mean()) if unseen.any() else None

    def count_seen(self) -> dict[str, int] | None:
        """Return how many pictures the model was trained and validated on, and known intruders."""
        if self.seen is None:
            return None
        found = Counter(self.seen)
        return {
            "trained_on": found["train"],
            "validated_on": found["val"],
            "intruders": found["intruder"],
        }

    def mistakes(self) -> list[Mistake]:
        """Return the mistakes, the surest first."""
        wrong = np.flatnonzero(self.predicted != self.images.labels).tolist()
        found = []
        for at in wrong:
            row, truth, said = self.probabilities[at], self.images.labels[at], self.predicted[at]
            found.append(Mistake(at, int(truth), int(said), float(row[said]), float(row[truth])))
        return sorted(found, key=lambda each: -each.probability)


def evaluate(
    model: LoadedModel, images: NamedImages, fingerprints: PictureFingerprints | None
) -> Evaluation:
    """Return what a model predicts for labelled images of its size.

    Args:
        model: what predicts.
        images: as ``bcauto.data.reading.read_for_evaluation`` returns them.
        fingerprints: of the pictures that the model was made with; None where they are not known.
    """
    probabilities = model.predict_probabilities(images.images).astype(np.float32)
    seen = fingerprints.find(images.images) if fingerprints else None
    return Evaluation(images, probabilities, model.class_names, seen)
