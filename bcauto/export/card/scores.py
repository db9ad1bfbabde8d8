"""The scores on a model card: whose each is, and what it means."""

from __future__ import annotations

from bcauto.export.card.subject import Subject
from bcauto.export.card.tables import table
from bcauto.results.confirmation import Confirmed

__all__ = ["scores"]

_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "auc": "AUC (one class against the rest)",
}
_OBJECTIVES = {
    "mean_of_corruptions": "the mean over the corruptions",
    "mean_of_families": "the mean over the families of corruptions",
    "worst_family": "the value of the worst family of corruptions",
}


def scores(subject: Subject) -> list[str]:
    """Return the lines of the section: overall, by family of corruptions, by class."""
    return [
        *_overall(subject),
        "",
        *_meaning(subject),
        "",
        *_families(subject),
        "",
        *_classes(subject),
    ]


def _overall(subject: Subject) -> list[str]:
    model, entry = subject.model, subject.entry
    rows = [["this model", "corrupted", f"{model.objective:.4f}", _range(model.scores.interval)]]
    held_out = model.scores.mean_held_out
    if held_out is not None:
        rows.append(["this model", "held-out corruptions", f"{held_out:.4f}", "-"])
    if model.clean_accuracy is not None:
        rows.append(["this model", "as they are (accuracy)", f"{model.clean_accuracy:.4f}", "-"])
    if again := entry.confirmed:
        count = len(again.runs)
        told = f"its recipe, by {count} training{'s' * (count > 1)}"
        rows.append([told, "corrupted", f"{again.score:.4f}", _range(again.interval)])
    trial = entry.trial
    rows.append(
        [
            f"its recipe, as trial {trial.number} of the search",
            "corrupted",
            f"{trial.objective:.4f}",
            _range(trial.scores.interval),
        ]
    )
    return table(["of", "validation pictures", "score", "95 %"], rows)


def _meaning(subject: Subject) -> list[str]:
    config, settings = subject.proxy, subject.opened.record.settings
    metric, objective = _METRICS[config.metric], _OBJECTIVES[config.objective]
    own = settings.proxy_data or settings.proxy_add
    what = "labelled pictures that its user gave" if settings.proxy_data else "corrupted pictures"
    also = ", and labelled pictures that its user gave" if own and not settings.proxy_data else ""
    again = subject.entry.confirmed
    lines = [
        f"- A score on {what}{also} is {metric}, {objective}. Each validation picture was "
        "corrupted in several ways. It tells how models compare, not what the model will reach on "
        "pictures of yours.",
        "- An interval of this model is for other validation pictures, as a bootstrap over them "
        f"gives it. {_interval_of_recipe(again)}",
        "- The search's score chose the trial among others, and so is likely too high.",
    ]
    if again and again.optimism is not None:
        side = "below" if again.optimism >= 0 else "above"
        difference = f"{abs(again.optimism):.4f} {side} it"
        lines.append(f"- Trained again, the recipe came out {difference}.")
    if subject.model.proxy == "confirmation":
        lines.append(
            "- This model was scored on corruptions made anew after the search. They chose between "
            "few recipes, so its score is a little too high."
        )
    lines.append("- Held-out families chose nothing.")
    if subject.calibration:
        lines.append(f"- {subject.calibration.summary()}")
    return lines


def _interval_of_recipe(again: Confirmed | None) -> str:
    if again and again.seed_variance is None:
        return (
            "That of the recipe is, too: no trial was trained again twice, so what another seed "
            "changes is not known."
        )
    return "One of the recipe also counts that another seed gives another model." if again else ""


def _families(subject: Subject) -> list[str]:
    found = subject.model.scores
    rows = [[family, f"{value:.4f}", "yes"] for family, value in found.families.items()]
    rows += [[family, f"{value:.4f}", "no: held out"] for family, value in found.held_out.items()]
    return table(["family of corruptions", "this model", "counts for the score"], rows)


def _classes(subject: Subject) -> list[str]:
    recalls = zip(subject.data.class_names, subject.model.recalls, strict=True)
    rows = [[name, "-" if recall is None else f"{recall:.4f}"] for name, recall in recalls]
    return table(["class", "recall of this model, on all corrupted pictures"], rows)


def _range(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.4f} to {high:.4f}"
