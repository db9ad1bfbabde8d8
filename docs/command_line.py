"""Writes the commands of ``command-line.md``, beside this file, anew.

    python docs/command_line.py

Typer's own ``typer ... utils docs`` describes them; what it says is made fit for the page.
"""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("command-line.md")
MARK = "<!-- what follows is written by docs/command_line.py -->\n"


def commands() -> str:
    """Return the usage, arguments and options of every command as Markdown."""
    typer = [sys.executable, "-m", "typer", "bcauto.cli.app", "utils", "docs", "--name", "bcauto"]
    whole = subprocess.run(typer, capture_output=True, encoding="utf-8", check=True).stdout
    _, first, rest = whole.partition("## `bcauto ")  # above it is a list of the headings below
    return "".join(map(_escaped, f"{first}{rest.strip()}\n".splitlines(keepends=True)))


def _escaped(line: str) -> str:
    """Return a line whose help is text: ``<backbone>`` in it would be read as an HTML tag."""
    option, colon, said = line.partition("`: ")
    return f"{option}{colon}{html.escape(said, quote=False)}" if line.startswith("* `") else line


def main() -> None:
    """Write the page."""
    above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(f"{above}{mark}\n{commands()}", encoding="utf-8")


if __name__ == "__main__":
    main()
