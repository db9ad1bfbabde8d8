"""What a search leaves for optuna-dashboard at its end: pictures, the report, and models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.io.files import temporary_folder
from bcauto.page.figure_files import write_figures
from bcauto.page.parts import Page
from bcauto.plots.grid import write_picture
from bcauto.report.missing import Missing
from bcauto.report.mistakes import mistakes_sheet
from bcauto.report.page import report_path
from bcauto.report.subject import Subject
from bcauto.results.kept import kept_model
from bcauto.storage.connect import connect
from bcauto.study.artifacts import Artifacts
from bcauto.study.lock import locked

__all__ = ["put_artifacts"]

_FIGURES = ("severities", "confusion-clean", "confusion-corrupted")
_MOST_MODELS = 10  # of a study that keeps all
_OURS = re.compile(r"report\.html|winner-[a-z-]+\.png|trial-\d+\.keras")


def put_artifacts(subject: Subject, page: Page, storage: str) -> None:
    """Make pictures of the winner, the report and the kept models artifacts of a study.

    Args:
        subject: the study.
        page: its report, which is written already.
        storage: the URL of its storage, with its password.

    Raises:
        BadInput: another process searches the study by now.
        OSError: a file cannot be written.
    """
    folder, models = subject.opened.folder, dict(_models(subject))
    with temporary_folder("artifacts") as drawn:
        pictures = {
            f"winner-{path.name}": path.read_bytes() for path in _draw(subject, page, drawn)
        }
    with locked(folder):
        there = {name: path for name, path in models.items() if path.exists()}
        report = {"report.html": report_path(subject.opened)}
        files: dict[str, bytes | Path] = {**report, **pictures, **there}
        Artifacts(connect(storage), folder).replace(files, _OURS)


def _draw(subject: Subject, page: Page, folder: Path) -> list[Path]:
    """Draw the winner's pictures as PNG; without Kaleido and a browser, only what needs neither."""
    figures = [figure for figure in page.figures if figure.name in _FIGURES]
    if figures:
        with suppress(BadInput, ImportError):
            write_figures(figures, folder, ("png",))
    look = subject.look
    sheet = None if isinstance(look, Missing) else mistakes_sheet(look, subject.class_names)
    if sheet is not None:
        write_picture(folder / "mistakes.png", sheet)
    return sorted(folder.glob("*.png"))


def _models(subject: Subject) -> Iterator[tuple[str, Path]]:
    """Yield the models that can be exported, the best first, by their names as artifacts."""
    found = 0
    for entry in subject.board.entries:
        with suppress(BadInput):  # it is kept no more
            yield f"trial-{entry.number}.keras", kept_model(subject.opened.folder, entry).file
            found += 1
        if found == _MOST_MODELS:
            return
