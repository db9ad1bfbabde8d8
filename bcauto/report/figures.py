"""What the figures of a report have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plotly import graph_objects as go

from bcauto.page.figure_json import labels

__all__ = ["ORANGE_TO_BLUE", "SCORE_AXIS", "heat_map", "interval_bars"]

ORANGE_TO_BLUE = [[0.0, "#dd8a1d"], [0.5, "#9a8f86"], [1.0, "#2f7fd0"]]
"""Colours that can be told apart on white and on black, also by those who see no red or green."""

SCORE_AXIS = {"title": "score (0 to 1)", "tickformat": ".2f"}
_LARGE = 30  # rows or columns, above which numbers do not fit into the fields


def interval_bars(
    intervals: Sequence[tuple[float, float]], middle: Sequence[float]
) -> dict[str, Any]:
    """Return plotly's error bars for 95 % intervals around values."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for (_, high), value in zip(intervals, middle, strict=True)],
        "arrayminus": [value - low for (low, _), value in zip(intervals, middle, strict=True)],
        "thickness": 1,
        "width": 3,
    }


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    shown: str,
    scale: str = "Cividis",
    most: float | None = 1.0,
) -> go.Figure:
    """Return a heat map with the first row on top, and its numbers in it where they fit.

    Args:
        rows: their names.
        columns: their names.
        values: a sequence for each row.
        shown: format of a number, as d3 has it.
        scale: plotly's name of the colours.
        most: the value of the last colour, 0 being that of the first; None for the largest.
    """
    fits = max(len(rows), len(columns)) <= _LARGE
    traces: dict[str, Any] = {"texttemplate": f"%{{z:{shown}}}"} if fits else {}
    if most is not None:
        traces |= {"zmin": 0, "zmax": most}
    figure = go.Figure(
        go.Heatmap(
            z=[list(row) for row in values],
            x=labels(columns),
            y=labels(rows),
            colorscale=scale,
            hovertemplate=f"%{{y}}, %{{x}}: %{{z:{shown}}}<extra></extra>",
            hoverongaps=False,
            colorbar={"tickformat": shown},
            **traces,
        )
    )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False, autorange="reversed")
    return figure
