"""A command to go on with, as it can be pasted into a shell in the same folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from bcauto.study.folder import StudyFolder

__all__ = ["next_command"]


def next_command(word: str, folder: StudyFolder, *options: str) -> str:
    """Return a command on a study, with the folder of studies where that is not ``studies``.

    Args:
        word: the command.
        folder: of the study.
        options: of the command.
    """
    studies, here = folder.path.resolve().parent, Path.cwd()
    arguments = ["bcauto", word, folder.name, *options]
    if studies != here / "studies":
        shown = studies.relative_to(here) if studies.is_relative_to(here) else studies
        arguments += ["--studies-dir", str(shown)]
    return shlex.join(arguments)
