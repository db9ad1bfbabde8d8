"""What a search writes at its end: its report, and artifacts for a dashboard."""

from __future__ import annotations

from collections.abc import Callable

from bcauto.display.next_command import from_here
from bcauto.display.waiting import waiting
from bcauto.errors import first_line
from bcauto.report.artifacts import put_artifacts
from bcauto.report.page import report_path, write_report
from bcauto.report.subject import Subject
from bcauto.results.open_study import open_study
from bcauto.study.folder import StudyFolder

__all__ = ["report_after_search"]


def report_after_search(folder: StudyFolder, storage: str, say: Callable[[str], None]) -> None:
    """Write the report of a study that was searched, and say where it is; then its artifacts.

    Whatever is wrong with them, the search is done: then only that is said.

    Args:
        folder: of the study.
        storage: the URL of its storage, with its password.
        say: is told a line.
    """
    what = "report"
    try:
        subject = Subject(open_study(folder.path.parent, folder.name, storage))
        with waiting("writing the report"):
            page = write_report(subject)
        say(f"report: {from_here(report_path(subject.opened))}")
        what = "artifacts"
        with waiting("drawing pictures for the dashboard"):
            put_artifacts(subject, page, storage)
    except Exception as error:  # of any of the libraries that draw and store them
        say(f"{what}: not written ({first_line(error)})")
