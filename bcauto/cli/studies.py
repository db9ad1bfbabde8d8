"""``bcauto studies``: lists the studies in a folder."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bcauto.cli.options import JsonFlag, StudiesDir

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.results.leaderboard import Leaderboard
    from bcauto.results.listing import Listed

__all__ = ["studies"]


def studies(as_json: JsonFlag = False, studies_dir: StudiesDir = Path("studies")) -> None:
    """List the studies, the one written last first.

    Shows size on disk, state, trials and best score.
    """
    from bcauto.results.listing import list_studies

    rows = list_studies(studies_dir)
    if as_json:
        typer.echo(json.dumps({"studies": [row.as_dict() for row in rows]}))
    elif rows:
        _show(rows)
    else:
        typer.echo(f"no study in {studies_dir}")


def _show(rows: list[Listed]) -> None:
    from bcauto.display.tables import open_console, print_rows

    shown = [_cells(row) for row in rows]
    if any(row.problem for row in rows):
        for cells, row in zip(shown, rows, strict=True):
            cells["problem"] = row.problem or ""
    print_rows(open_console(), shown, text=("written", "best", "problem"), numbers=("size",))


def _cells(row: Listed) -> dict[str, str]:
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
