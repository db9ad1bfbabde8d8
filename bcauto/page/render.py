"""Writes a page as one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from bcauto.errors import BadInput
from bcauto.io.files import atomic_write
from bcauto.page.asset import asset
from bcauto.page.figure_json import figure_json, schemes, script_json
from bcauto.page.parts import Figure, Page

__all__ = ["render", "write_page"]


def write_page(path: Path, page: Page) -> None:
    """Write a page, whole or not at all; its folder is made where it is missing.

    Raises:
        BadInput: the file cannot be written.
    """
    text = render(page)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{path}: cannot be written ({reason})") from None


def render(page: Page) -> str:
    """Return a page as HTML, with plotly's JavaScript in it where it has a figure.

    A Content-Security-Policy names the scripts of the page by their hashes, so that the browser
    runs no other and loads nothing.
    """
    scripts = [*([_plotly()] if page.figures else []), asset("page.js")]
    return _template().render(
        page=page,
        style=Markup(asset("page.css")),
        scripts=[Markup(script) for script in scripts],
        hashes=" ".join(f"'sha256-{_hash(script)}'" for script in scripts),
        figure_json=_marked_json,
        schemes=Markup(script_json(schemes())),
    )


def _marked_json(figure: Figure) -> Markup:
    return Markup(figure_json(figure))


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(asset("page.html"))


@cache
def _plotly() -> str:
    """Return plotly's JavaScript, as the Python package brings it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
