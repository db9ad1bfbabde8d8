"""The metadata of a model card, as Hugging Face's hub reads it from the top of the file."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bcauto.export.card.subject import Subject

__all__ = ["metadata"]

_TYPES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "macro_f1": "f1",
    "auc": "roc_auc",
}
"""The hub's name of each metric of the proxy."""


def metadata(subject: Subject) -> list[str]:
    """Return the lines of the YAML block; the licence is left to whoever publishes the model."""
    lines = [
        "library_name: keras",
        "pipeline_tag: image-classification",
        "# license: yours to choose, such as mit or cc-by-4.0; mind that of the data, too",
        "tags:",
        "- bcauto",
        "- image-classification",
        "- robustness",
        "metrics:",
        f"- {_TYPES[subject.proxy.metric]}",
        "model-index:",
        f"- name: {_text(subject.opened.folder.name)}",
        "  results:",
    ]
    return ["---", *lines, *_results(subject), "---"]


def _results(subject: Subject) -> Iterator[str]:
    model, metric = subject.model, subject.proxy.metric
    low, high = model.scores.interval
    name = f"objective (95 %: {low:.4f} to {high:.4f})"
    corrupted = "corrupted validation pictures"
    yield from _result(corrupted, _TYPES[metric], name, model.objective, subject)
    if model.clean_accuracy is not None:
        found = model.clean_accuracy
        yield from _result("validation pictures", "accuracy", "accuracy", found, subject)


def _result(pictures: str, kind: str, name: str, value: float, subject: Subject) -> list[str]:
    """Return one result; the hub shows it as measured by the authors, not checked."""
    return [
        "  - task:",
        "      type: image-classification",
        "    dataset:",
        f"      name: {_text(f'{subject.source}, {pictures}')}",
        f"      type: {_text(subject.source)}",
        "    metrics:",
        f"    - type: {kind}",
        f"      value: {value:.4f}",
        f"      name: {_text(name)}",
    ]


def _text(text: str) -> str:
    """Return a text as YAML takes it whatever it holds: JSON's strings are YAML's, too."""
    return json.dumps(text, ensure_ascii=False)
