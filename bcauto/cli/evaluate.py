"""``bcauto evaluate``: scores a model on data that took no part in the search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, LabelsOption, SkipDamagedOption
from bcauto.errors import BadInput

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[Path, typer.Argument(help="A .keras file, or a folder with a model.keras.")],
    data: Annotated[
        Path,
        typer.Option(
            help="An .npz file (images or test_images), or a folder or zip of class folders."
        ),
    ],
    labels: LabelsOption = None,
    skip_damaged: SkipDamagedOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Score a model on labelled images.

    Every image counts; nothing is cleaned or left out.
    """
    from bcauto.data.reading import read_for_evaluation
    from bcauto.data.rules import ReadingRules
    from bcauto.export.evaluation import evaluate_labels
    from bcauto.hardware import count_cores
    from bcauto.io.model_file import find_model, read_description
    from bcauto.training.device import start_keras

    if not data.exists():
        raise BadInput(f"--data must exist, got {data}")
    read_description(find_model(model))  # refuses a wrong file before TensorFlow starts
    start_keras(count_cores())
    from bcauto.export.load import load_model

    loaded = load_model(model)
    rules = ReadingRules(skip_damaged=bool(skip_damaged), resize=loaded.resize, labels=labels)
    images = read_for_evaluation(data, loaded.image_size, loaded.class_names, rules)
    scores = evaluate_labels(images.labels, loaded.predict(images.images), loaded.class_names)
    typer.echo(json.dumps(scores)) if as_json else _show(scores)


def _show(scores: dict[str, Any]) -> None:
    from bcauto.cli.tables import open_console, print_rows

    console = open_console()
    words = ("accuracy", "balanced_accuracy", "macro_f1")
    line = ", ".join(f"{word.replace('_', ' ')} {scores[word]:.4f}" for word in words)
    console.print(f"{scores['n']} images: {line}")
    classes = zip(scores["per_class_recall"].items(), scores["confusion_matrix"], strict=True)
    rows = [
        {
            "true class": f"{index} {name}",
            "recall": "-" if recall is None else f"{recall:.3f}",
            **{str(predicted): str(count) for predicted, count in enumerate(counts)},
        }
        for index, ((name, recall), counts) in enumerate(classes)
    ]
    numbers = rows[0].keys() - {"true class"}
    print_rows(console, rows, text=("true class",), numbers=numbers)
