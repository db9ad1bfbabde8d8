"""``bcauto studies`` and ``prune``: what lies in the folder of the studies, and takes disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.open_study import open_study
from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument, parse_keep
from bcauto.errors import first_line

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.cli.open_study import Opened
    from bcauto.results.cleanup import Unneeded
    from bcauto.results.confirmation import Confirmed
    from bcauto.results.state import State
    from bcauto.results.trials import Status
    from bcauto.study.trial_files import Keep

__all__ = ["prune", "studies"]

_COLUMNS = ("study", "size", "written", "state", "trials", "failed", "best")
_FILES = {
    "models": "models of trials",
    "repeats": "models of repeats",
    "checkpoints": "checkpoints",
    "partial": "half-written files",
}


def studies(as_json: JsonFlag = False, studies_dir: StudiesDir = Path("studies")) -> None:
    """List the studies: size on disk, state, trials and best score, the one written last first."""
    from bcauto.study.folder import existing_studies

    with ThreadPoolExecutor() as pool:  # so that storages out of reach are waited for together
        looked = pool.map(lambda name: _look(studies_dir, name), existing_studies(studies_dir))
        rows = sorted(looked, key=lambda row: (-row.written, row.study))
    if as_json:
        typer.echo(json.dumps({"studies": [_row_object(row) for row in rows]}))
    else:
        typer.echo(_table(rows) if rows else f"no study in {studies_dir}")


def prune(
    study: StudyArgument = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Best trials that keep their model. [default: as the search was told]",
            metavar="N|all",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what could be freed, and free nothing.")
    ] = False,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Free the disk that a study no longer needs, and say what was freed.

    The best trials and those that were confirmed can still be exported, and the search goes on.
    """
    limit = None if keep is None else parse_keep(keep)
    from bcauto.storage.connect import storage_failures_in_one_line
    from bcauto.study.folder import find_study
    from bcauto.study.lock import locked

    folder = find_study(studies_dir, study)
    alone = locked(folder, advice="prune it when that has ended")
    with nullcontext() if dry_run else alone, storage_failures_in_one_line():
        found = _find_unneeded(open_study(studies_dir, folder.name, storage), limit)
        for unneeded in () if dry_run else found:
            unneeded.delete()
    if as_json:
        typer.echo(json.dumps({"study": folder.name, "dry_run": dry_run, **_freed_object(found)}))
    else:
        typer.echo(_freed_lines(folder.name, found, dry_run))


# --- the studies -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """A study as it was found; where it could not be read, the problem in one line.

    ``nbytes`` is its size on disk, ``written`` is when it was last written, in seconds since the
    epoch; ``confirmed`` is the winner of its confirmation, if there is one.
    """

    study: str
    nbytes: int
    written: float
    state: State | None = None
    counted: Status | None = None
    confirmed: Confirmed | None = None
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


def _read(studies_dir: Path, name: str) -> tuple[State, Status, Confirmed | None]:
    from bcauto.results.confirmation import winner
    from bcauto.results.state import study_state
    from bcauto.results.trials import status
    from bcauto.storage.connect import storage_failures_in_one_line

    with storage_failures_in_one_line():
        opened = open_study(studies_dir, name, None)
        counted = status(opened.study, name, opened.record.settings.trials)
        state = study_state(opened.folder, opened.record, opened.study, opened.repeats)
        repeated = opened.confirmed()
    return state, counted, winner(repeated) if repeated else None


def _row_object(row: _Row) -> dict[str, Any]:
    """A row as ``--json`` prints it; null is what could not be read, or is not there."""
    counted, won = row.counted, row.confirmed
    return {
        "study": row.study,
        "bytes": row.nbytes,
        "written": datetime.fromtimestamp(row.written, UTC).isoformat(timespec="seconds"),
        "state": row.state and row.state.value,
        "target": counted and counted.target,
        "trials": counted and counted.trials,
        "best": counted and counted.as_dict()["best"],
        "confirmed": won and {"number": won.candidate.number, "score": won.score},
        "problem": row.problem,
    }


def _table(rows: Sequence[_Row]) -> str:
    """A line for each row, its columns below one another; a problem may be any length."""
    lines = [_COLUMNS, *map(_cells, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    problems = ["", *(row.problem or "" for row in rows)]
    return "\n".join((f"{a}  {p}").rstrip() for a, p in zip(aligned, problems, strict=True))


def _cells(row: _Row) -> tuple[str, ...]:
    from rich.filesize import decimal

    written = datetime.fromtimestamp(row.written).strftime("%Y-%m-%d %H:%M")
    state = row.state.value if row.state else "unknown"
    found = (row.study, decimal(row.nbytes), written, state)
    if row.counted is None:
        return (*found, "-", "-", "-")
    trials = row.counted.trials
    done = f"{trials['complete'] + trials['pruned']} of {row.counted.target}"
    return (*found, done, str(row.counted.failed), _best_words(row.counted, row.confirmed))


def _best_words(counted: Status, confirmed: Confirmed | None) -> str:
    if confirmed:
        return f"{confirmed.score:.4f} confirmed (trial {confirmed.candidate.number})"
    best = counted.best
    return f"{best.objective:.4f} (trial {best.number})" if best else "none yet"


# --- what nothing needs ------------------------------------------------------------------------


def _find_unneeded(opened: Opened, keep: Keep | None) -> list[Unneeded]:
    from bcauto.results.cleanup import unneeded
    from bcauto.results.state import is_finished
    from bcauto.study.attributes import read_identity

    if opened.study and (stored := read_identity(opened.study)):
        stored.check_same(opened.record.identity, opened.folder.name)
    finished = is_finished(opened.folder, opened.record, opened.study, opened.repeats)
    return unneeded(
        opened.folder,
        opened.study,
        opened.repeats,
        opened.record.settings.keep if keep is None else keep,
        finished,
    )


def _freed_object(found: Sequence[Unneeded]) -> dict[str, Any]:
    kinds = {each.kind.value: {"files": len(each.files), "bytes": each.nbytes} for each in found}
    total = {what: sum(kind[what] for kind in kinds.values()) for what in ("files", "bytes")}
    return {"freed": kinds, **total}


def _freed_lines(name: str, found: Sequence[Unneeded], dry_run: bool) -> str:
    if not any(each.files for each in found):
        return f"{name}: nothing to free"
    lines = [_line(_FILES[each.kind.value], len(each.files), each.nbytes) for each in found]
    total = _freed_object(found)
    verb = "could be freed" if dry_run else "freed"
    return "\n".join([f"{name}: {verb}", *lines, _line("total", total["files"], total["bytes"])])


def _line(what: str, files: int, nbytes: int) -> str:
    from rich.filesize import decimal

    return f"  {what:<20} {files:>5} {'file ' if files == 1 else 'files'}  {decimal(nbytes):>10}"
