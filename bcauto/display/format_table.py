"""The formats of an export as a table: what each takes, and how near it comes to Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bcauto.display.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console

    from bcauto.export.formats.write import Written

__all__ = ["print_formats"]


def print_formats(console: Console, formats: Sequence[Written]) -> None:
    """Print a row for each format, Keras' own first, and what the columns are."""
    console.print()
    print_rows(console, [_row(each) for each in formats], text=("format", "file"))
    console.print(
        "  Each was run in its own runtime on one corrupted copy of each validation picture: the "
        "largest difference of a probability from Keras', the share of equal labels, the score."
        + " Codabench's gives classes only."
        * any(each.score is None for each in formats)
    )


def _row(written: Written) -> dict[str, str]:
    difference, score = written.largest_difference, written.score
    return {
        "format": written.format,
        "file": written.file,
        "MB": f"{written.bytes / 1e6:.2f}",
        "ms/picture": f"{written.milliseconds:.2f}",
        "difference": "-" if difference is None else f"{difference:.1e}",
        "same label": f"{written.same_labels:.2%}",
        "score": "-" if score is None else f"{score:.4f}",
    }
