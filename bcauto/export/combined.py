"""The winner's model over views of a picture, or in the mean with other models, as one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.ensemble.choose import VIEWS_OF, Chosen, Predictions, choose
from bcauto.ensemble.mean import mean_of
from bcauto.ensemble.views import each_view, with_views
from bcauto.export.load import load_model
from bcauto.export.model import ExportedModel, check_score, proxy_recalls
from bcauto.export.timing import milliseconds_a_picture
from bcauto.io.model_file import MODEL
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import ProxyScore, score, score_probe
from bcauto.results.kept import Kept
from bcauto.results.trials import CompletedTrial
from bcauto.space.export import Views
from bcauto.study.folder import StudyFolder
from bcauto.training.scoring import predict_probabilities
from bcauto.trial import Scores

__all__ = ["Combined", "Handed", "handed_over", "write_combined"]


@dataclass(frozen=True)
class Handed:
    """A model that may be handed over: its scores on the confirmation's proxy, and its cost.

    Attributes:
        objective: in 0..1.
        interval: its 95 % interval, for other validation images.
        held_out: by family that the objective does not count, and that chose nothing.
        parameters: weights of the model.
        milliseconds: a picture takes here, in batches of 128.
    """

    objective: float
    interval: tuple[float, float]
    held_out: dict[str, float]
    parameters: int
    milliseconds: float


@dataclass(frozen=True)
class Combined:
    """What was exported in place of the winner's own model, and how it was chosen.

    Attributes:
        members: the repeats whose models count, and how often each.
        chosen: how.
        own: the repeat whose model is handed over where nothing is better.
        single: that model.
        combined: the mean that was chosen; the same model where nothing was better.
        distilled: the network that learned that mean, and is exported in its place; None where none
            was asked for.
    """

    members: tuple[tuple[CompletedTrial, int], ...]
    chosen: Chosen
    own: CompletedTrial
    single: Handed
    combined: Handed
    distilled: Handed | None = None

    @property
    def alone(self) -> CompletedTrial | None:
        """The repeat whose model was exported as it is; None for a mean of models or views."""
        one = len(self.members) == 1 and self.chosen.combination.views == "none"
        return self.members[0][0] if one else None

    @property
    def name(self) -> str:
        """What the exported model is called: a repeat, or the mean of which and over what."""
        if self.distilled:
            return f"a network like {self.own.name}, taught by {self.mean}"
        return self.mean

    @property
    def mean(self) -> str:
        """What the chosen mean is called; the name of a repeat where nothing was better."""
        if self.alone:
            return self.alone.name
        counted = " + ".join(f"{count} x {run.name}" for run, count in self.members)
        views = self.chosen.combination.views
        return counted if views == "none" else f"{counted}, over {views}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        members = [
            {"repeat": run.number, "trial": run.of_trial, "count": count}
            for run, count in self.members
        ]
        return {
            "views": self.chosen.combination.views,
            "members": members,
            "proposed_on": self.chosen.proposed_on,
            "decided_on": self.chosen.decided_on,
            "steps": [{**asdict(step), "taken": step.taken} for step in self.chosen.steps],
            "single": {"name": self.own.name, **asdict(self.single)},
            "combined": {"name": self.mean, **asdict(self.combined)},
            "distilled": {"name": self.name, **asdict(self.distilled)} if self.distilled else None,
        }


def write_combined(
    folder: StudyFolder, kept: Sequence[Kept], views: Sequence[Views], again: Proxy, partial: Path
) -> tuple[ExportedModel, Combined]:
    """Choose a combination of kept models and views, write it to a folder, and score it there.

    It is proposed on the probe of the search's proxy, and taken where it also wins on that of the
    confirmation's proxy. It is loaded and scored again, on the whole of the latter.

    Args:
        folder: of the study.
        kept: as ``kept_repeats`` orders them; the first alone, if no others may count.
        views: that may be taken.
        again: the confirmation's proxy.
        partial: the folder.

    Raises:
        BadInput: a model is damaged.
        NothingUsable: after loading it scores otherwise, by more than 0.2 points.
    """
    models = [load_model(each.file).model for each in kept]
    decide = _predictions("the confirmation's proxy", models, again, views)
    propose = _predictions("the search's proxy", models, Proxy.load(folder.proxy), views)
    chosen = choose(propose, decide, views, ensemble=len(models) > 1)
    best = chosen.combination
    counts = [best.counts[index] for index in best.members]
    mean = mean_of([models[index] for index in best.members], counts)
    with_views(mean, best.views).save(partial / MODEL)
    loaded = load_model(partial / MODEL)
    probabilities = loaded.predict_probabilities(again.images)
    on_probe = score_probe(again, probabilities[again.probe])
    check_score("the combined model", on_probe, decide.score_of(best), "its members do")
    found, own = score(again, probabilities), kept[0].run
    recalls = proxy_recalls(again, probabilities)
    made = Combined(
        members=tuple(
            (kept[index].run, count) for index, count in zip(best.members, counts, strict=True)
        ),
        chosen=chosen,
        own=own,
        single=handed_over(models[0], again.images, own.objective, own.scores),
        combined=handed_over(loaded.model, again.images, found.objective, found),
    )
    if made.alone:
        return ExportedModel.of_training(made.alone, found, recalls), made
    return ExportedModel.made(made.name, found, recalls), made


def _predictions(
    name: str, models: Sequence[Any], proxy: Proxy, views: Sequence[Views]
) -> Predictions:
    """Return what models predict for every view of a proxy's probe."""
    images = proxy.images[proxy.probe]
    count = max(VIEWS_OF[each] for each in views)
    seen = [np.asarray(view) for view in each_view(images, count)]
    by_view = [[predict_probabilities(model, view) for model in models] for view in seen]
    labels = proxy.labels[proxy.probe]
    return Predictions(name, np.array(by_view), labels, lambda given: score_probe(proxy, given))


def handed_over(
    model: Any, images: np.ndarray, objective: float, scores: ProxyScore | Scores
) -> Handed:
    """Return a model with its scores, and with what it costs."""
    milliseconds = milliseconds_a_picture(lambda some: predict_probabilities(model, some), images)
    return Handed(
        objective, scores.interval, scores.held_out, int(model.count_params()), milliseconds
    )
