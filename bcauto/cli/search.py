"""``bcauto search``: begins a study, or goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bcauto.cli.options import takes_settings
from bcauto.errors import Interrupted
from bcauto.interrupts import watch_signals
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
    with watch_signals() as interrupts:
        # Imported here, or `bcauto --help` would wait for them.
        from rich.console import Console

        from bcauto.display.search_screen import SearchScreen
        from bcauto.driver.plan import plan_search
        from bcauto.driver.run import run_search
        from bcauto.report.after_search import report_after_search

        try:
            with Console().status("checking data, space and weights"):  # in a terminal only
                plan = plan_search(settings or {}, studies_dir, study)
        except Interrupted as error:
            error.outcome = "nothing was begun and nothing written, the same command begins anew"
            raise
        with SearchScreen(plan) as screen, interrupts.held(plan.settings.executor == "ray"):
            study_and_confirmed = run_search(plan, screen, interrupts.check)
        try:
            screen.conclude(*study_and_confirmed)
        finally:  # also where no trial was completed: the report says why
            report_after_search(plan.folder, plan.url, typer.echo)
