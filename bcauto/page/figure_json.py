"""A plotly figure as JSON for a page, which gives it its colours and its size."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bcauto.page.asset import asset
from bcauto.page.parts import Figure

__all__ = ["figure_json", "label", "labels", "plain_figure", "schemes", "script_json"]

_LETTERS = 28  # of a label on an axis


def label(text: str) -> str:
    """Return a text as plotly shows it letter by letter; it reads some HTML in labels."""
    return html.escape(text, quote=False)


def labels(names: Sequence[str]) -> list[str]:
    """Return labels of an axis: short enough to leave room for the figure, and all different."""
    short = [n if len(n) <= _LETTERS else f"{n[: _LETTERS - 1]}…" for n in names]
    seen: Counter[str] = Counter()
    found = []
    for each in short:
        seen[each] += 1
        found.append(label(each if seen[each] == 1 else f"{each} ({seen[each]})"))
    return found


def schemes() -> dict[str, Any]:
    """Return plotly's templates for figures on ``light`` and on ``dark`` paper."""
    found: dict[str, Any] = json.loads(asset("schemes.json"))
    return found


def figure_json(figure: Figure) -> str:
    """Return data and layout of a figure, to stand inside a ``<script>`` element."""
    return script_json(plain_figure(figure))


def plain_figure(figure: Figure) -> dict[str, Any]:
    """Return data and layout of a figure as JSON can hold them.

    The template goes, since the page has one of its own for a light and one for a dark scheme, and
    so does the title, which is the caption's.
    """
    drawn = json.loads(figure.drawn.to_json())
    layout: dict[str, Any] = drawn.get("layout", {})
    for key in ("template", "title", "width", "paper_bgcolor", "plot_bgcolor"):
        layout.pop(key, None)
    layout["height"] = figure.height
    return {"data": drawn["data"], "layout": layout}


def script_json(value: Any) -> str:
    """Return JSON that no content can end the ``<script>`` element of."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
