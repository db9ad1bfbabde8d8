"""The report that a search writes at its end."""

from __future__ import annotations

from collections.abc import Callable

from bcauto.display.next_command import from_here
from bcauto.errors import first_line
from bcauto.report.page import write_report
from bcauto.results.open_study import open_study
from bcauto.study.folder import StudyFolder

__all__ = ["report_after_search"]


def report_after_search(folder: StudyFolder, storage: str, say: Callable[[str], None]) -> None:
    """Write the report of a study that was searched, and say where it is.

    Whatever is wrong with it, the search is done: then only that is said.

    Args:
        folder: of the study.
        storage: the URL of its storage, with its password.
        say: is told a line.
    """
    try:
        path = write_report(open_study(folder.path.parent, folder.name, storage))
    except Exception as error:  # of any of the libraries that draw it
        say(f"report: not written ({first_line(error)})")
    else:
        say(f"report: {from_here(path)}")
