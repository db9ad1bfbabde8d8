"""What is said of a setting where people give it: on the command line and in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["DATA", "MACHINE", "PROXY", "SEARCH", "STUDY", "TRAINING", "Option"]

DATA: Final = "Data"
TRAINING: Final = "Training"
SEARCH: Final = "Search"
PROXY: Final = "Proxy"
MACHINE: Final = "Machine"
STUDY: Final = "Study"
"""The headings that settings stand under."""


@dataclass(frozen=True)
class Option:
    """What a setting's field says besides its default, its bounds and its description.

    Attributes:
        panel: the heading that it stands under.
        metavar: what its value is called; None for the name of its type.
        default: in words, where the field's own says too little.
        parse: reads a value that is written as text; None where its type says how.
        path: whether its value is the path of a file or folder.
    """

    panel: str
    metavar: str | None = None
    default: str | None = None
    parse: Callable[[str], Any] | None = None
    path: bool = False
