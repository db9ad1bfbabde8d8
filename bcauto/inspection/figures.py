"""The figures of an inspection: counts by class, and the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bcauto.inspection.collection import Collection, Indices
from bcauto.inspection.inspect import Inspection
from bcauto.page.figure_json import label, labels
from bcauto.page.parts import Figure

__all__ = ["count_figure", "pca_figure", "tsne_figure"]

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
_NAMED = 12  # classes that an alternative text names
_MOST_BARS = 30
_MOST_IN_LEGEND = 24  # classes: more would leave no room for the map
_MOST_POINTS = 5000  # of a map: a browser draws no more of them quickly


def count_figure(inspection: Inspection) -> Figure:
    """Return the bars of how many pictures each class has, and how many of them are spare."""
    every = inspection.classes
    left = {each.name: each.pictures - each.intruders - each.duplicates for each in every}
    shown, caption = every, "Pictures of each class, as read."
    if len(every) > _MOST_BARS:
        half = _MOST_BARS // 2
        ranked = sorted(every, key=lambda each: -left[each.name])
        shown = (*ranked[:half], *ranked[-half:])
        caption = f"Pictures of the {half} largest and the {half} smallest classes, as read."
    names = labels([each.name for each in shown])
    parts = {
        "to learn from": [left[each.name] for each in shown],
        "exact duplicates": [each.duplicates for each in shown],
        "intruders": [each.intruders for each in shown],
    }
    bars = [go.Bar(name=name, y=names, x=counts, orientation="h") for name, counts in parts.items()]
    drawn = go.Figure(bars).update_layout(barmode="stack", xaxis_title="pictures")
    drawn.update_yaxes(autorange="reversed", type="category")
    largest, least = max(left, key=left.__getitem__), min(left, key=left.__getitem__)
    alt = (
        f"Bars of {len(shown)} of {len(every)} classes. The largest is {largest} with "
        f"{left[largest]} pictures to learn from, the smallest {least} with {left[least]}."
    )
    height = 160 + 26 * len(shown)
    return Figure("counts", drawn, caption, alt, height=height)


def tsne_figure(inspection: Inspection) -> Figure | None:
    """Return the map by t-SNE; None where there were too few pictures for one."""
    layout, collection = inspection.compared.layout, inspection.collection
    if not len(layout.tsne):
        return None
    drawn = _map(inspection, layout.tsne, layout.shown)
    drawn.update_xaxes(showticklabels=False).update_yaxes(showticklabels=False)
    sample = ""
    if len(layout.shown) < len(collection):
        sample = f" It shows {len(layout.shown):,} of {len(collection):,}, taken at random."
    caption = (
        "t-SNE: pictures whose features are alike lie close together; distances between far groups "
        f"mean little, and the axes have no unit.{sample}"
    )
    return Figure("tsne", drawn, caption, _alt("t-SNE", inspection), height=560)


def pca_figure(inspection: Inspection) -> Figure:
    """Return the map by the first two principal components."""
    layout, collection = inspection.compared.layout, inspection.collection
    step = -(-len(collection) // _MOST_POINTS)
    numbers = np.arange(0, len(collection), step)
    drawn = _map(inspection, layout.pca[numbers], numbers)
    one, two = layout.explained
    drawn.update_xaxes(title=f"first component ({one:.0%} of the variance)")
    drawn.update_yaxes(title=f"second component ({two:.0%})")
    sample = f" It shows every {step}th picture." if step > 1 else ""
    caption = f"PCA: the two directions in which the features differ most.{sample}"
    return Figure("pca", drawn, caption, _alt("PCA", inspection), height=560)


def _map(inspection: Inspection, places: NDArray[Any], numbers: Indices) -> go.Figure:
    """Return points by class, intruders apart; the number and name of each shows on hover."""
    collection = inspection.collection
    intruding = inspection.copies.intruding[numbers]
    traces = []
    for at in range(len(collection.class_names)):
        here = (collection.labels[numbers] == at) & ~intruding
        symbol = _SYMBOLS[(at + at // len(_SYMBOLS)) % len(_SYMBOLS)]
        marker = {"size": 5, "symbol": symbol, "opacity": 0.75}
        traces.append(
            _points(
                collection, label(collection.shown_class(at)), places[here], numbers[here], marker
            )
        )
    if intruding.any():
        marker = {"size": 10, "symbol": "circle-open", "line": {"width": 2}}
        traces.append(
            _points(collection, "intruders", places[intruding], numbers[intruding], marker)
        )
    legend = len(collection.class_names) <= _MOST_IN_LEGEND
    return go.Figure(traces).update_layout(hovermode="closest", showlegend=legend)


def _points(
    collection: Collection,
    name: str,
    places: NDArray[Any],
    numbers: Indices,
    marker: dict[str, Any],
) -> go.Scatter:
    text = [label(f"{at}: {collection.names[at]}") for at in numbers.tolist()]
    return go.Scatter(
        x=places[:, 0].astype(float).round(2).tolist(),
        y=places[:, 1].astype(float).round(2).tolist(),
        name=name,
        mode="markers",
        marker=marker,
        text=text,
        customdata=numbers.tolist(),
        hovertemplate="%{text}<extra>%{fullData.name}</extra>",
    )


def _alt(method: str, inspection: Inspection) -> str:
    classes = ", ".join(inspection.collection.class_names[:_NAMED])
    intruders = len(inspection.copies.intruders)
    marked = f" {intruders} intruders are marked with rings." if intruders else ""
    return f"Scatter of the pictures by {method}, coloured by class ({classes}).{marked}"
