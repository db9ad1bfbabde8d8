"""Tables and facts on standard output, in which no value is cut.

In a terminal, text folds between words. Elsewhere, such as in a pipe, a line is as long as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bcauto.trial import Report

__all__ = ["counted", "epoch_printer", "open_console", "print_facts", "print_rows"]

_PIPE_WIDTH = 100_000  # columns, since Rich takes a pipe for a terminal of 80


def open_console() -> Console:
    """Return standard output to print to."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not (console.is_terminal or console.is_jupyter):
        console.width = _PIPE_WIDTH
    return console


def counted(number: int, what: str) -> str:
    """Return a number and what it counts, such as ``1 core`` or ``1,200 points``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def print_rows(
    console: Console,
    rows: Sequence[Mapping[str, str]],
    text: Collection[str] = (),
    numbers: Collection[str] = (),
) -> None:
    """Print rows as a table; where a terminal is too narrow for it, each as a block of lines.

    Args:
        console: to print to.
        rows: values by the title of their column; all rows have the same titles.
        text: titles of columns that may fold between words.
        numbers: titles of columns that are aligned to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in rows[0]:
        side: Literal["right", "left"] = "right" if title in numbers else "left"
        whole = [title, *(row[title] for row in rows)]
        parts = " ".join(whole).split() if title in text else whole
        table.add_column(
            title,
            no_wrap=title not in text,
            justify=side,
            overflow="fold",
            min_width=max(map(cell_len, parts)),  # Rich would fold within words
        )
    for row in rows:
        table.add_row(*map(Text, row.values()))
    unbounded = console.options.update(max_width=_PIPE_WIDTH)
    if Measurement.get(console, unbounded, table).minimum <= console.width:
        _print(console, table)
        return
    for position, row in enumerate(rows):
        if position:
            console.print()
        print_facts(console, {title: value for title, value in row.items() if value})


def print_facts(console: Console, facts: Mapping[str, str]) -> None:
    """Print titles and, beside them, texts that a narrow terminal folds between words."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    for title, text in facts.items():
        grid.add_row(title, Text(text, overflow="fold"))
    _print(console, grid)


def _print(console: Console, table: Table) -> None:
    """Print a table without the spaces that fill its last column."""
    if console.is_jupyter:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.file.write(f"{line.rstrip()}\n")


def epoch_printer(silent: bool, epochs: int | None = None) -> Report:
    """Return what prints each epoch's score, of ``epochs`` where they are known."""

    def print_epoch(epoch: int, score: float) -> None:
        if not silent:
            of_all = f" of {epochs}" if epochs else ""
            open_console().print(f"epoch {epoch}{of_all}: score {score:.4f}")

    return print_epoch
