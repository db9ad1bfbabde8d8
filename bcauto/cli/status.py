"""``bcauto status``: counts the trials of a study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.display.confirmation_line import confirmation_line
from bcauto.study.settings import OWN_STORAGE

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.results.leaderboard import Leaderboard
    from bcauto.results.trials import Running, Status

__all__ = ["status"]

_REASONS = 5  # reasons of failures that are shown


def status(
    study: StudyArgument = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Count the trials of a study by state."""
    from bcauto.api.read import read_study
    from bcauto.results.trials import status as count
    from bcauto.study.lock import searching_process

    with read_study(studies_dir, study, storage) as opened:
        found = count(opened.study, opened.folder.name, opened.record.settings.trials)
        board = opened.leaderboard
    here = opened.record.settings.storage == OWN_STORAGE  # another may be searched from anywhere
    killed = bool(found.running and here and not searching_process(opened.folder))
    if as_json:
        typer.echo(json.dumps({**found.as_dict(), **board.as_dict()}))
    else:
        _show_status(found, board, killed)


def _show_status(found: Status, board: Leaderboard, killed: bool) -> None:
    """Print what is known of a study.

    Args:
        found: its trials.
        board: its recipes, and how far its confirmation is.
        killed: whether trials are marked as running while no process searches the study.
    """
    from bcauto.display.tables import open_console, print_facts

    best, trials = found.best, {**found.trials, "failed": found.failed}
    counts = ", ".join(f"{count} {state}" for state, count in trials.items())
    title, confirmation = confirmation_line(board)
    facts = {
        "study": found.study,
        "trials": f"{counts}; {found.target} asked for",
        "failed": _reasons(found.failures),
        "tried again": _reasons(found.retries),
        "running": "\n".join(map(_progress, found.running)),
        "search": "was killed; the same command goes on" if killed else "",
        "best": f"trial {best.number}, {best.objective:.4f} on the proxy, by the search"
        if best
        else "none yet",
        title: confirmation,
    }
    print_facts(open_console(), {title: text for title, text in facts.items() if text})


def _reasons(reasons: Mapping[str, int]) -> str:
    """Return a line for each of the commonest reasons of failures."""
    from bcauto.display.tables import counted

    lines = [f"{counted(count, 'trial')}: {reason}" for reason, count in reasons.items()]
    more = ["for other reasons as well, which --json lists"]
    return "\n".join(lines[:_REASONS] + more * (len(lines) > _REASONS))


def _progress(running: Running) -> str:
    if running.score is None:
        return f"trial {running.number}, in its first epoch"
    return f"trial {running.number}, after epoch {running.epoch}, score {running.score:.4f}"
