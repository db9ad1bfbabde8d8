"""The files that a page is made with: its template, style, script and colour schemes."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["asset"]


def asset(name: str) -> str:
    """Return the text of a file in ``templates/``."""
    return (files("bcauto.page") / "templates" / name).read_text(encoding="utf-8")
