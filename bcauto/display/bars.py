"""Rows with bars, fitted to the terminal, and a live display that may be resized."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

__all__ = ["WIDE", "Row", "ScreenLive", "bar_table"]

WIDE = 60
"""Columns of a terminal, from which on numbers have room for their words."""

_LONGEST_BAR, _SHORTEST_BAR = 30, 3  # columns
_LEAST_TEXT = 12  # columns, in which the end of a text is worth showing


@dataclass(frozen=True)
class Row:
    """Something that is under way.

    Attributes:
        name: at the left of its bar.
        done: how much of it is done.
        total: how much there is to do; 0 for a row without a bar.
        facts: short texts behind the bar, whole; without room for all, the last ones are left out.
            All rows have as many, or none.
        text: at the end, cut between words where there is no room.
    """

    name: str
    done: float = 0
    total: int = 0
    facts: Sequence[str] = ()
    text: str = ""


def bar_table(rows: Sequence[Row], console: Console) -> RenderableType:
    """Return rows as a table in which no name and no fact is cut.

    The bars and the texts at the end share what those leave of the console's width.
    """
    gap = 2 if console.width >= WIDE else 1
    facts = list(zip(*(row.facts for row in rows if row.facts), strict=True))
    widths = [max(map(cell_len, column)) for column in [[row.name for row in rows], *facts]]
    while len(widths) > 1 and sum(widths) + gap * (len(widths) - 1) > console.width:
        widths.pop()
    room = console.width - sum(widths) - gap * len(widths)
    bar = min(_LONGEST_BAR, max(room // 2, _LEAST_TEXT))
    text = room - bar - gap
    has_text = text >= _LEAST_TEXT
    if not has_text:
        bar = min(_LONGEST_BAR, room)
    has_bar = bar >= _SHORTEST_BAR
    table = Table.grid(padding=(0, gap, 0, 0))
    table.add_column(no_wrap=True, width=widths[0])
    if has_bar:
        table.add_column(width=bar)
    for width in widths[1:]:
        table.add_column(no_wrap=True, width=width, justify="right")
    if has_text:
        table.add_column(no_wrap=True, width=text)
    for row in rows:
        bars = [ProgressBar(row.total, row.done, bar) if row.total else Text()] if has_bar else []
        texts = list(row.facts or [""] * len(facts))[: len(widths) - 1]
        texts += [_cut(row.text, text, console)] if has_text else []
        table.add_row(Text(row.name), *bars, *map(Text, texts))
    return table


def _cut(text: str, width: int, console: Console) -> str:
    """Return as many whole words as fit, so that no number is cut."""
    if cell_len(text) <= width:
        return text
    mark = "…" if console.encoding.startswith("utf") else ""
    return text[: width - len(mark) + 1].rpartition(" ")[0] + mark


class ScreenLive(Live):
    """A live display that is drawn anew on an empty screen when the terminal's width changes.

    Rich goes up by as many lines as it wrote. A terminal that becomes narrower has folded them into
    more, and the rest would stay.

    Args:
        shown: the display.
        said: lines to print above it again, the newest last.
        console: to draw on.
    """

    def __init__(self, shown: RenderableType, said: Iterable[str], console: Console) -> None:
        super().__init__(shown, console=console, refresh_per_second=2, transient=True)
        self.said, self.width = said, console.width

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what Rich is to write; what it does to the cursor comes first."""
        ahead, *shown = super().process_renderables(renderables)
        if self.console.width == self.width:
            return [ahead, *shown]
        self.width = self.console.width
        said = Group(*(Text(line, overflow="fold") for line in tuple(self.said)))
        return [Control(ControlType.CLEAR, ControlType.HOME), said, *shown]
