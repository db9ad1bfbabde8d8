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
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for the figures as SVG, PDF and PNG.", show_default="none"),
    ] = None,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Write the report of a study, a page that opens in any browser.

    The page is report/index.html in the study's folder. It may be written while the study is
    searched, and then shows what is known so far.
    """
    from bcauto.api.read import read_study
    from bcauto.page.figure_files import check_figure_folder, write_figures
    from bcauto.report.page import report_path, write_report
    from bcauto.report.subject import Subject

    if figures:
        check_figure_folder(figures)
    with read_study(studies_dir, study, storage) as opened:
        page, path = write_report(Subject(opened)), report_path(opened)
    typer.echo(path)
    if figures:
        files = write_figures(page.figures, figures)
        typer.echo(f"{len(page.figures)} figures, {len(files)} files in {figures}")
    if open_it:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
