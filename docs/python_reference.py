"""Writes the functions and classes of ``python-reference.md``, beside this file, anew.

    python docs/python_reference.py

They are described by their docstrings; the settings in them come from ``bcauto.study.settings``.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import bcauto
from bcauto.study.settings import Settings

PAGE = Path(__file__).with_name("python-reference.md")
MARK = "<!-- what follows is written by docs/python_reference.py -->\n"
CLASSES = ("Study", "Space", "Inspection", "Trained")
FUNCTIONS = ("search", "open_study", "predict", "evaluate", "inspect", "train", "as_hypermodel")


def reference() -> str:
    """Return every public function and class with its docstring as Markdown."""
    parts = [_described(f"bcauto.{name}", getattr(bcauto, name)) for name in FUNCTIONS]
    for name in CLASSES:
        kind = getattr(bcauto, name)
        parts += [_described(f"bcauto.{name}", kind), *_members(name, kind)]
    for name in bcauto.callbacks.__all__:
        callback = getattr(bcauto.callbacks, name)
        parts.append(_described(f"bcauto.callbacks.{name}", callback))
    return "\n".join(parts)


def _members(owner: str, kind: type) -> list[str]:
    found = [
        (name, member)
        for name, member in vars(kind).items()
        if not name.startswith("_") and getattr(member, "__doc__", None)
    ]
    return [_described(f"{owner}.{name}", member, "###") for name, member in found]


def _described(name: str, member: object, level: str = "##") -> str:
    call = _signature(member) if inspect.isfunction(member) else ""
    text = inspect.getdoc(member) or ""
    return f"{level} {name}\n\n```text\n{name}{call}\n\n{text}\n```\n"


def _signature(member: Any) -> str:
    """Return what a function takes, without types; the settings that its help lists as one."""
    settings = {*Settings.model_fields} - {"data"} if "__signature__" in vars(member) else set()
    parameters = inspect.signature(member).parameters.values()
    shown = [
        str(each.replace(annotation=inspect.Parameter.empty))
        for each in parameters
        if each.name != "self" and each.name not in settings
    ]
    return f"({', '.join([*shown, *(['**settings'] if settings else [])])})"


def main() -> None:
    """Write the page."""
    above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(f"{above}{mark}\n{reference()}", encoding="utf-8")


if __name__ == "__main__":
    main()
