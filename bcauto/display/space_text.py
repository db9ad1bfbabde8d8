"""A search space as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w
from rich.console import Console

from bcauto.display.tables import counted, open_console, print_rows
from bcauto.space.dimensions import Choices, Dimension
from bcauto.space.space import Space

__all__ = ["show_space", "show_spaces"]


def show_spaces(spaces: Mapping[str, Space]) -> None:
    """Print a row for each space."""
    rows = [
        {
            "space": name,
            "dimensions": str(len(found.search)),
            "recipes": _size(found),
            "starting points": str(len(found.start)),
        }
        for name, found in spaces.items()
    ]
    print_rows(open_console(), rows, numbers=("dimensions", "starting points"))


def _size(found: Space) -> str:
    return "endless" if found.size is None else counted(found.size, "point")


def show_space(name: str, found: Space, left_out: list[str]) -> None:
    """Print dimensions, constants and starting points, and which of the latter were left out."""
    console = open_console()
    searched, starts = len(found.search), len(found.start)
    counts = [counted(searched, "dimension"), _size(found), counted(starts, "starting point")]
    console.print(f"{name}: {', '.join(counts)}")
    rows = [
        {"dimension": dimension, "values": _values(entry), "when": _condition(entry)}
        for dimension, entry in found.search.items()
    ]
    if rows:
        print_rows(console, rows, text=("values", "when"))
    _print_tables(console, "constants", found.recipe)
    for number, point in enumerate(found.start, 1):
        _print_tables(console, f"start {number}", point)
    for line in left_out:
        console.print(f"\nleft out of what it extends: {line}", soft_wrap=True)


def _print_tables(console: Console, title: str, values: dict[str, Any]) -> None:
    if values:
        console.print(f"\n{title}:")
        console.print(tomli_w.dumps(values).strip(), soft_wrap=True)


def _values(entry: Dimension) -> str:
    """Return the choices, or the bounds of a range."""
    if isinstance(entry, Choices):
        return ", ".join(str(list(v)) if isinstance(v, tuple) else str(v) for v in entry.values)
    step = f" in steps of {entry.step:g}" if entry.step else ""
    kind = ", whole" if entry.integer and not entry.step else ""
    log = ", log" if entry.log else ", reverse log" if entry.reverse_log else ""
    return f"{entry.low:g} to {entry.high:g}{step}{kind}{log}"


def _condition(entry: Dimension) -> str:
    wanted = (f"{parent} = {value}" for parent, value in entry.when.items())
    return " and ".join(wanted)
