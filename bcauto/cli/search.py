"""``bcauto search``: begins a study, or goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bcauto.cli.options import takes_settings
from bcauto.study.option import STUDY
from bcauto.study.settings import Settings

__all__ = ["search"]


@takes_settings(Settings)
def search(
    study: Annotated[
        str | None,
        typer.Option(
            help="Name of the study.", show_default="made of data and space", rich_help_panel=STUDY
        ),
    ] = None,
    studies_dir: Annotated[
        Path, typer.Option(help="Folder of the studies.", rich_help_panel=STUDY)
    ] = Path("studies"),
    settings: dict[str, Any] | None = None,
) -> None:
    """Search for the best recipe, or go on searching.

    The same command again goes on where the search stopped; --study alone is enough, too.
    """
    from bcauto.api.search import search as run  # --help would wait for it

    given = dict(settings or {})
    run(given.pop("data", None), study=study, studies_dir=studies_dir, **given)
