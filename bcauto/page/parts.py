"""What a page is made of, as data: sections of texts, tables, figures and pictures.

A page is described with these classes and written by ``bcauto.page.render``::

    page = Page(
        title="Study cells",
        lead="Trial 4 won.",
        sections=(
            Section("scores", "What came out?", (
                Text("Trial 4 scored 0.81."),
                Table("Trials", (Column("trial", True), Column("score", True)), ((4, 0.81),)),
                Figure("scores", drawn, caption="Scores", alt="Scores rise from 0.5 to 0.8."),
                Pictures("Mistakes", (Picture(thumbnail(image), "a cell", "taken for B"),)),
            )),
        ),
    )
    write_page(path, page)

All texts are plain: they are escaped where they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Drawn

__all__ = [
    "Block",
    "Cell",
    "Code",
    "Column",
    "Facts",
    "Figure",
    "Heading",
    "Items",
    "Page",
    "Picture",
    "Pictures",
    "Section",
    "Table",
    "Text",
]

_LONG = 10_000  # from which on a whole number is written with commas

Cell: TypeAlias = str | int | float | None
"""A cell of a table; numbers sort as numbers, and None is empty and sorts last."""


@dataclass(frozen=True)
class Text:
    """A paragraph: ``lead`` for what matters most, ``note`` for what is missing or uncertain."""

    kind: ClassVar[str] = "text"
    text: str
    tone: Literal["plain", "lead", "note"] = "plain"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """Short values by name, each in a box of its own."""

    kind: ClassVar[str] = "facts"
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Code:
    """Text with its line breaks kept, in letters of one width; ``label`` says what it is."""

    kind: ClassVar[str] = "code"
    label: str
    text: str


@dataclass(frozen=True)
class Column:
    """A column of a table; what is ``numeric`` stands on the right, floats with ``digits``."""

    title: str
    numeric: bool = False
    digits: int = 4

    def shown(self, cell: Cell) -> str:
        """Return a cell as it is written."""
        if cell is None:
            return ""
        if isinstance(cell, int) and cell >= _LONG:
            return f"{cell:,}"
        return f"{cell:.{self.digits}f}" if isinstance(cell, float) else str(cell)


@dataclass(frozen=True)
class Table:
    """A table that the reader can sort by any column; each row has a cell for each column.

    ``marked`` are the places of the rows that stand out.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """A figure by plotly.

    Attributes:
        name: of its own in the page, and the stem of its file: letters, digits and hyphens.
        drawn: the figure; titles and colours of paper and plot are left to the page.
        caption: what it shows, in a sentence or two.
        alt: what one sees in it, for those who do not see it.
        height: in px.
        least_width: in px; on a narrower screen it scrolls sideways in its own box.
    """

    kind: ClassVar[str] = "figure"
    name: str
    drawn: Drawn
    caption: str
    alt: str
    height: int = 380
    least_width: int = 300


@dataclass(frozen=True)
class Picture:
    """A small picture: ``data`` is a data URI (``bcauto.page.thumbnail``)."""

    data: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side, in as many rows as they need, or in one that scrolls sideways.

    ``side`` is the width at which each is shown, in px.
    """

    kind: ClassVar[str] = "pictures"
    caption: str
    pictures: tuple[Picture, ...]
    side: int = 96
    one_row: bool = False


Block: TypeAlias = Text | Heading | Items | Facts | Code | Table | Figure | Pictures


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading; ``key`` is its anchor: letters, digits and hyphens."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A page: title, what it says in a sentence, its sections, and a line at the end."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    foot: str = ""

    @property
    def figures(self) -> list[Figure]:
        """All figures, in their order."""
        blocks = (block for section in self.sections for block in section.blocks)
        return [block for block in blocks if isinstance(block, Figure)]
