"""``bcauto evaluate``: scores a model on data that took no part in the search."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import (
    JsonFlag,
    LabelsOption,
    ModelArgument,
    SkipDamagedOption,
    StudiesDir,
)
from bcauto.errors import BadInput
from bcauto.interrupts import interrupted_with

if TYPE_CHECKING:  # --help would wait for it
    from bcauto.prediction.source import ModelSource

__all__ = ["evaluate"]

_TITLES = {"prec.": "precision", "recall": "recall", "F1": "f1", "AUC": "roc_auc"}


def evaluate(
    model: ModelArgument,
    data: Annotated[
        Path,
        typer.Option(
            help="An .npz file (images or test_images), or a folder or zip of class folders."
        ),
    ],
    labels: LabelsOption = None,
    skip_damaged: SkipDamagedOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for predictions, scores of each class, and pictures of the worst "
            "mistakes.",
            show_default="nothing is written",
        ),
    ] = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
) -> None:
    """Score a model on labelled images.

    Every image counts; nothing is cleaned or left out. Images that the model was trained on, and
    known intruders, are pointed out.
    """
    from bcauto.api.predict import evaluate as run
    from bcauto.display.waiting import waiting
    from bcauto.io.new_output import new_folder
    from bcauto.prediction.source import find_source

    if not data.exists():
        raise BadInput(f"--data must exist, got {data}")
    source = find_source(model, studies_dir, None)
    folder_of = new_folder(out) if out else nullcontext(None)
    with interrupted_with("nothing was written"), folder_of as folder:
        with waiting("loading Keras, the model and the pictures", silent=as_json):
            found = run(source, data, labels=labels, skip_damaged=bool(skip_damaged))
        if folder:
            from bcauto.prediction.write_evaluation import write_evaluation

            write_evaluation(found, folder)
    told = {"model": str(source.file), "study": source.study, "out": str(out) if out else None}
    scores = {**found.as_dict(), **told}
    typer.echo(json.dumps(scores)) if as_json else _show(scores, source)


def _show(scores: dict[str, Any], source: ModelSource) -> None:
    from bcauto.display.tables import open_console, print_rows

    console = open_console()
    if source.study:
        console.print(f"model: {source.origin}", soft_wrap=True)
    words = ("accuracy", "balanced_accuracy", "macro_f1")
    line = ", ".join(f"{word.replace('_', ' ')} {scores[word]:.4f}" for word in words)
    console.print(f"{scores['n']} images: {line}")
    if warning := _seen_line(scores["seen"], scores["accuracy_on_unseen"]):
        console.print(warning)
    classes = zip(scores["per_class"], scores["confusion_matrix"], strict=True)
    rows = [
        {
            "true class": f"{index} {row['class']}",
            **{title: _shown(row[key]) for title, key in _TITLES.items()},
            **{str(predicted): str(count) for predicted, count in enumerate(counts)},
        }
        for index, (row, counts) in enumerate(classes)
    ]
    numbers = rows[0].keys() - {"true class"}
    print_rows(console, rows, text=("true class",), numbers=numbers)
    if scores["out"]:
        intruders = (scores["seen"] or {}).get("intruders")
        but = "; the pictures of mistakes leave out the intruders" if intruders else ""
        console.print(f"written to {scores['out']}{but}")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _seen_line(seen: dict[str, int] | None, accuracy: float | None) -> str:
    """Return a warning about pictures that the model has seen; empty where there are none."""
    if not seen or not any(seen.values()):
        return ""
    parts = [
        f"trained on {seen['trained_on']} of them" * bool(seen["trained_on"]),
        f"chosen by {seen['validated_on']}" * bool(seen["validated_on"]),
    ]
    made = " and ".join(filter(None, parts))
    known = [f"the model was {made}, so that it scores too well"] if made else []
    if seen["intruders"]:
        known.append(f"{seen['intruders']} are intruders, which its search dropped")
    if accuracy is not None:
        known.append(f"accuracy is {accuracy:.4f} on all others")
    return f"warning: {'; '.join(known)}"
