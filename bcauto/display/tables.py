"""Tables and facts on standard output, in which no value is cut.

In a terminal, text folds between words. Elsewhere, such as in a pipe, a line is as long as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["counted", "open_console", "print_facts", "print_rows"]

_GAP = 2  # columns between two of a table
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
    cells = {title: [title, *(row[title] for row in rows)] for title in rows[0]}
    most = {title: max(map(cell_len, values)) for title, values in cells.items()}
    words = {
        title: max(map(cell_len, " ".join(values).split()))
        for title, values in cells.items()
        if title in text
    }
    room = console.width - _GAP * (len(cells) - 1)
    widths = _widths(room, {**most, **words}, most)
    if sum(widths.values()) <= room:
        for title, width in widths.items():
            side: Literal["right", "left"] = "right" if title in numbers else "left"
            table.add_column(title, justify=side, overflow="fold", width=width)
        for row in rows:
            table.add_row(*map(Text, row.values()))
        _print(console, table)
        return
    for position, row in enumerate(rows):
        if position:
            console.print()
        print_facts(console, {title: value for title, value in row.items() if value})


def _widths(room: int, least: Mapping[str, int], most: Mapping[str, int]) -> dict[str, int]:
    """Return the width of each column: all of it, or what it needs and a share of the room left.

    Rich itself would fold within words.
    """
    left = room - sum(least.values())
    widths = dict(least)
    folding = sorted((each for each in least if most[each] > least[each]), key=most.__getitem__)
    for position, title in enumerate(folding):
        more = min(most[title] - least[title], max(0, left) // (len(folding) - position))
        widths[title] += more
        left -= more
    return {title: widths[title] for title in most}


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
