"""``bcauto studies``: lists the studies in a folder."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bcauto.cli.options import JsonFlag, StudiesDir
from bcauto.errors import first_line

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.results.leaderboard import Leaderboard
    from bcauto.results.state import State
    from bcauto.results.trials import Status

__all__ = ["studies"]


def studies(as_json: JsonFlag = False, studies_dir: StudiesDir = Path("studies")) -> None:
    """List the studies, the one written last first.

    Shows size on disk, state, trials and best score.
    """
    from bcauto.study.folder import existing_studies

    with ThreadPoolExecutor() as pool:  # so that storages out of reach are waited for together
        looked = pool.map(lambda name: _look(studies_dir, name), existing_studies(studies_dir))
        rows = sorted(looked, key=lambda row: (-row.written, row.study))
    if as_json:
        typer.echo(json.dumps({"studies": [_as_object(row) for row in rows]}))
    elif rows:
        _show(rows)
    else:
        typer.echo(f"no study in {studies_dir}")


@dataclass(frozen=True)
class _Row:
    """A study as it was found.

    Attributes:
        study: its name.
        nbytes: its size on disk.
        written: when it was last written, in seconds since the epoch.
        state: None where it could not be read.
        counted: its trials; None where they could not be read.
        board: its recipes, and how far its confirmation is; None likewise.
        problem: one line about why it could not be read.
    """

    study: str
    nbytes: int
    written: float
    state: State | None = None
    counted: Status | None = None
    board: Leaderboard | None = None
    problem: str | None = None


def _look(studies_dir: Path, name: str) -> _Row:
    from bcauto.results.cleanup import disk_size
    from bcauto.results.state import State
    from bcauto.study.folder import StudyFolder
    from bcauto.study.lock import searching_process

    folder = StudyFolder(studies_dir / name)
    on_disk = name, disk_size(folder.path), folder.last_written()
    try:
        return _Row(*on_disk, *_read(studies_dir, name))
    except Exception as error:  # whatever is wrong with one, the others are listed
        state = State.SEARCHING if searching_process(folder) else None
        return _Row(*on_disk, state, problem=first_line(error))


def _read(studies_dir: Path, name: str) -> tuple[State, Status, Leaderboard]:
    from bcauto.api.read import read_study
    from bcauto.results.state import study_state
    from bcauto.results.trials import status

    with read_study(studies_dir, name, None) as opened:
        counted = status(opened.study, name, opened.record.settings.trials)
        return study_state(opened), counted, opened.leaderboard


def _as_object(row: _Row) -> dict[str, Any]:
    """Return a row as ``--json`` prints it; null is what could not be read, or is not there."""
    counted, unknown = row.counted, {"confirmed": None, "repeats": None}
    return {
        "study": row.study,
        "bytes": row.nbytes,
        "written": datetime.fromtimestamp(row.written, UTC).isoformat(timespec="seconds"),
        "state": row.state and row.state.value,
        "target": counted and counted.target,
        "trials": counted and counted.trials,
        "best": counted and counted.as_dict()["best"],
        **(row.board.as_dict() if row.board else unknown),
        "problem": row.problem,
    }


def _show(rows: list[_Row]) -> None:
    from bcauto.display.tables import open_console, print_rows

    shown = [_cells(row) for row in rows]
    if any(row.problem for row in rows):
        for cells, row in zip(shown, rows, strict=True):
            cells["problem"] = row.problem or ""
    print_rows(open_console(), shown, text=("written", "best", "problem"), numbers=("size",))


def _cells(row: _Row) -> dict[str, str]:
    from rich.filesize import decimal

    counted = row.counted
    done = counted and counted.trials["complete"] + counted.trials["pruned"]
    return {
        "study": row.study,
        "size": decimal(row.nbytes),
        "written": datetime.fromtimestamp(row.written).strftime("%Y-%m-%d %H:%M"),
        "state": row.state.value if row.state else "unknown",
        "trials": f"{done} of {counted.target}" if counted else "-",
        "failed": str(counted.failed) if counted else "-",
        "best": _best(row.board) if row.board else "-",
    }


def _best(board: Leaderboard) -> str:
    """Return the winner's score and what it is of."""
    best, repeats = board.winner, board.repeats
    if best is None:
        return "none yet"
    if not best.confirmed:
        return f"{best.score:.4f} in the search (trial {best.number})"
    far = "confirmed" if not repeats.left else f"confirming {repeats.done} of {repeats.wanted}"
    return f"{best.score:.4f} {far} (trial {best.number})"
