"""``bcauto evaluate``: a model on data that took no part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bcauto.cli.options import JsonFlag
from bcauto.errors import BadInput

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[Path, typer.Argument(help="A .keras file, or a folder with model.keras.")],
    data: Annotated[
        Path, typer.Option(help="An .npz file (images or test_images), or class folders.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Score a model on every image of a file; nothing is cleaned, nothing left out."""
    from bcauto.data.reading import read_for_evaluation  # --help would wait for it
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
    cells = read_for_evaluation(data, loaded.image_size, loaded.class_names)
    scores = evaluate_labels(cells.labels, loaded.predict(cells.images), loaded.class_names)
    typer.echo(json.dumps(scores)) if as_json else _show(scores)


def _show(scores: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    words = ("accuracy", "balanced_accuracy", "macro_f1")
    line = ", ".join(f"{word.replace('_', ' ')} {scores[word]:.4f}" for word in words)
    console.print(f"{scores['n']} images: {line}", soft_wrap=True)
    table = Table("true class", "recall", *map(str, range(len(scores["per_class_recall"]))))
    rows = zip(scores["per_class_recall"].items(), scores["confusion_matrix"], strict=True)
    for index, ((name, recall), counts) in enumerate(rows):
        shown = "-" if recall is None else f"{recall:.3f}"
        table.add_row(f"{index} {name}", shown, *map(str, counts))
    console.print(table)
