"""The model in an export: whose it is, and what it scored itself after it was loaded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bcauto.errors import NothingUsable
from bcauto.export.evaluation import class_recalls
from bcauto.export.load import load_model
from bcauto.io.model_file import MODEL
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import ProxyScore, score
from bcauto.results.kept import Kept
from bcauto.results.leaderboard import scores_table
from bcauto.results.trials import CompletedTrial
from bcauto.trial import Scores

__all__ = ["ExportedModel", "check_score", "proxy_recalls", "write_kept"]

_TOLERANCE = 0.002  # 0.2 points of accuracy


@dataclass(frozen=True)
class ExportedModel:
    """The model in an export, and its own scores.

    Attributes:
        name: whose it is, such as ``repeat 3 of trial 0``.
        proxy: whose proxy it was scored on, after it was loaded.
        objective: its score there, in 0..1.
        clean_accuracy: on the validation images as they are, in 0..1; None where that was not
            measured on this very model.
        scores: all that it scored.
        recalls: of each class, on all pictures of that proxy; None where it has none of a class.
    """

    name: str
    proxy: Literal["search", "confirmation"]
    objective: float
    clean_accuracy: float | None
    scores: Scores
    recalls: tuple[float | None, ...]

    @classmethod
    def of_training(
        cls, run: CompletedTrial, found: ProxyScore, recalls: tuple[float | None, ...]
    ) -> ExportedModel:
        """Return the model of a trial or a repeat, with what it scored after it was loaded.

        The clean accuracy was measured when it was trained.
        """
        proxy: Literal["search", "confirmation"] = (
            "search" if run.of_trial is None else "confirmation"
        )
        scores = _as_scores(found, run.scores.clean)
        return cls(run.name, proxy, found.objective, run.clean_accuracy, scores, recalls)

    @classmethod
    def made(
        cls,
        name: str,
        found: ProxyScore,
        recalls: tuple[float | None, ...],
        clean: dict[str, float] | None = None,
    ) -> ExportedModel:
        """Return a model made from those of repeats, with what it scored.

        Args:
            name: what it is.
            found: its scores on the confirmation's proxy.
            recalls: of each class there.
            clean: its scores on the validation images as they are, where they were measured.
        """
        scores = _as_scores(found, clean or {})
        accuracy = scores.clean.get("accuracy")
        return cls(name, "confirmation", found.objective, accuracy, scores, recalls)

    def rescored(self, found: ProxyScore, clean: dict[str, float]) -> ExportedModel:
        """Return it with other scores, of the proxy and of the clean validation images."""
        return replace(self, objective=found.objective, scores=_as_scores(found, clean))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        own = scores_table(self.objective, self.clean_accuracy, self.scores)
        return {"name": self.name, "proxy": self.proxy, **own, "recalls": list(self.recalls)}


def _as_scores(found: ProxyScore, clean: dict[str, float]) -> Scores:
    return Scores(
        interval=found.interval,
        standard_error=found.standard_error,
        corruptions=found.corruptions,
        families=found.families,
        held_out=found.held_out,
        clean=clean,
    )


def write_kept(kept: Kept, proxy: Proxy, partial: Path) -> ExportedModel:
    """Copy a kept model to a folder, and score it there on the proxy that it was scored on.

    Raises:
        BadInput: the model is damaged.
        NothingUsable: it scores otherwise than when it was trained, by more than 0.2 points.
    """
    shutil.copyfile(kept.file, partial / MODEL)
    loaded, run = load_model(partial / MODEL), kept.run
    probabilities = loaded.predict_probabilities(proxy.images)
    found, recalls = score(proxy, probabilities), proxy_recalls(proxy, probabilities)
    check_score(f"the model of {run.name}", found.objective, run.objective, "when it was trained")
    return ExportedModel.of_training(run, found, recalls)


def proxy_recalls(proxy: Proxy, probabilities: np.ndarray) -> tuple[float | None, ...]:
    """Return the recall of each class on all pictures of a proxy, held-out corruptions too."""
    classes = probabilities.shape[1]
    return class_recalls(proxy.labels, probabilities.argmax(axis=1), classes)


def check_score(model: str, loaded: float, expected: float, source: str) -> None:
    """Check that a model scores after loading what it scored before, to 0.2 points.

    Args:
        model: what the message calls it.
        loaded: its score after loading, in 0..1.
        expected: its score before.
        source: where that comes from, for the message.

    Raises:
        NothingUsable: it does not.
    """
    if abs(loaded - expected) > _TOLERANCE:
        rule = f"{model} scores {loaded:.4f} after loading, not {expected:.4f} as {source}"
        raise NothingUsable(f"{rule}; it is not exported")
