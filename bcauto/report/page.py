"""The report of a study as a page, its sections in the order of a reader's questions."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from bcauto.page.parts import Page
from bcauto.page.render import write_page
from bcauto.report.came_out import came_out
from bcauto.report.failing import failing
from bcauto.report.learned import learned
from bcauto.report.mattered import mattered
from bcauto.report.recipe import which_recipe
from bcauto.report.subject import Subject
from bcauto.report.trust import trust
from bcauto.results.open_study import OpenStudy

__all__ = ["make_page", "report_path", "write_report"]

_SECTIONS = (came_out, trust, failing, mattered, learned, which_recipe)


def report_path(opened: OpenStudy) -> Path:
    """Return where the report of a study lies."""
    return opened.folder.report / "index.html"


def write_report(subject: Subject) -> Page:
    """Write the report of a study to its folder; what the study stores is not changed.

    Args:
        subject: the study, which may be searched at the same time.

    Returns:
        What was written.

    Raises:
        BadInput: the study is damaged, or the file cannot be written.
    """
    page = make_page(subject)
    write_page(report_path(subject.opened), page)
    return page


def make_page(subject: Subject) -> Page:
    """Return the report of a study."""
    sections = tuple(section(subject) for section in _SECTIONS)
    return Page(f"Study {subject.name}", _lead(subject), sections, _foot(subject))


def _lead(subject: Subject) -> str:
    settings, data = subject.opened.record.settings, subject.opened.record.data
    counts = {**subject.counted.trials, "failed": subject.counted.failed}
    trials = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    classes = len(data.class_names)
    return (
        f"A search for the recipe that best tells apart the {classes} classes of {subject.source} "
        f"under corruption, in the space {settings.space}. Trials: {trials or 'none yet'}; "
        f"{settings.trials} are asked for."
    )


def _foot(subject: Subject) -> str:
    ended = [trial.datetime_complete for trial, _ in subject.trials.values()]
    last = max((each for each in ended if each), default=None)
    when = f"as of {last.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if last else "before any trial ended"
    versions = subject.opened.record.versions
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"Made by bcauto report, {when}. The study was begun with {made or 'unknown versions'}."
