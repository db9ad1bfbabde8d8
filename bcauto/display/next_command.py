"""A command to go on with, as it can be pasted into a shell in the same folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from bcauto.study.folder import StudyFolder

__all__ = ["from_here", "next_command"]


def next_command(word: str, folder: StudyFolder, *options: str) -> str:
    """Return a command on a study, with the folder of studies where that is not ``studies``.

    Args:
        word: the command.
        folder: of the study.
        options: of the command.
    """
    studies = from_here(folder.path.parent)
    arguments = ["bcauto", word, folder.name, *options]
    if studies != Path("studies"):
        arguments += ["--studies-dir", str(studies)]
    return shlex.join(arguments)


def from_here(path: Path) -> Path:
    """Return a path as a person in the current folder would write it."""
    here, whole = Path.cwd(), path.resolve()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole
