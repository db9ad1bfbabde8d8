"""A command: its help has headings, and an interruption ends it with a line of its own."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperCommand

from bcauto.errors import Interrupted

__all__ = ["Command"]


class Command(TyperCommand):
    """A command whose help has the headings that its options name."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Typer itself would say nothing of an interruption."""
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            said = f"interrupted by {error.args[0]}; {error.outcome}"
            print(f"bcauto: {said}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(error.exit_code) from None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options under their headings, the others last."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            panel = getattr(parameter, "rich_help_panel", None)
            if parameter.param_type_name == "argument":
                panel = "Arguments"
            if record:
                (sections.setdefault(panel, []) if panel else others).append(record)
        for title, records in [*sections.items(), ("Options", others)]:
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
