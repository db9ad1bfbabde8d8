"""``bcauto report``: writes the report of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bcauto.cli.options import StorageOption, StudiesDir, StudyArgument

__all__ = ["report"]


def report(
    study: StudyArgument = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Show it in the web browser of this machine.")
    ] = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Write the report of a study, a page that opens in any browser.

    The page is report/index.html in the study's folder. It may be written while the study is
    searched, and then shows what is known so far.
    """
    from bcauto.report.page import write_report
    from bcauto.results.open_study import open_study
    from bcauto.storage.connect import storage_failures_in_one_line

    with storage_failures_in_one_line():
        path = write_report(open_study(studies_dir, study, storage))
    typer.echo(path)
    if open_it:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
