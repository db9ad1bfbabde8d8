"""An evaluation as files: predictions, scores of each class, and pictures of the worst mistakes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bcauto.plots.grid import Row, draw_grid, drawable, write_picture
from bcauto.prediction.evaluate import Evaluation, Mistake
from bcauto.prediction.output import columns, rows

__all__ = ["write_evaluation"]

_SHOWN = 8  # mistakes of each class that are drawn


def write_evaluation(found: Evaluation, folder: Path) -> None:
    """Write the files of an evaluation to a folder.

    ``predictions.csv`` has a row for each picture, ``classes.csv`` one for each class, and
    ``scores.json`` all scores. ``mistakes.png`` shows the surest mistakes of each true class, and
    ``mistakes.csv`` says which they are, row by row; both are missing where there is no mistake.
    Known intruders, which belong to no class, are not among them.
    """
    (folder / "scores.json").write_text(json.dumps(found.as_dict(), indent=2) + "\n", "utf-8")
    _write_predictions(found, folder / "predictions.csv")
    table = found.as_dict()["per_class"]
    titles = list(table[0])
    cells = [["" if row[title] is None else row[title] for title in titles] for row in table]
    _write_table(folder / "classes.csv", titles, cells)
    worst: dict[int, list[Mistake]] = {}
    for mistake in found.mistakes():
        if not found.seen or found.seen[mistake.index] != "intruder":
            worst.setdefault(mistake.truth, []).append(mistake)
    if worst:
        shown = [worst[truth][:_SHOWN] for truth in sorted(worst)]
        grid = [_grid_row(found, of_class) for of_class in shown]
        write_picture(folder / "mistakes.png", draw_grid(grid))
        _write_mistakes(found, shown, folder / "mistakes.csv")


def _write_predictions(found: Evaluation, path: Path) -> None:
    names = found.class_names
    file, *others = columns(names)
    known = "seen" if found.seen else None
    titles = [file, "true_class", *([known] if known else []), *others]
    lines = []
    for at, (name, *cells) in enumerate(rows(found.images.names, found.probabilities, names)):
        seen = [found.seen[at] or ""] if found.seen else []
        lines.append([name, names[found.images.labels[at]], *seen, *cells])
    _write_table(path, titles, lines)


def _write_mistakes(found: Evaluation, shown: Sequence[Sequence[Mistake]], path: Path) -> None:
    titles = ["row", "column", "file", "true_class", "class", "probability", "of_true_class"]
    lines = [
        [
            row,
            column,
            found.images.names[each.index],
            found.class_names[each.truth],
            found.class_names[each.predicted],
            f"{each.probability:.7g}",
            f"{each.of_truth:.7g}",
        ]
        for row, of_class in enumerate(shown, 1)
        for column, each in enumerate(of_class, 1)
    ]
    _write_table(path, titles, lines)


def _grid_row(found: Evaluation, of_class: Sequence[Mistake]) -> Row:
    """Return the row of a class: its surest mistakes, and what they were taken for."""
    tiles = found.images.images[[each.index for each in of_class]]
    said = [f"{found.class_names[each.predicted]}:{each.probability:.2f}" for each in of_class]
    title = drawable(found.class_names[of_class[0].truth])
    return Row(title, tiles, drawable(f"taken for: {', '.join(said)}"))


def _write_table(path: Path, titles: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(titles)
        table.writerows(lines)
