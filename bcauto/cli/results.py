"""``bcauto status``, ``best`` and ``dashboard``: commands that look at a study."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.confirmed_line import confirmed_line
from bcauto.cli.open_study import Opened, find_storage, open_study
from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument, parse_whole
from bcauto.errors import BadInput, NothingUsable

if TYPE_CHECKING:
    from bcauto.results.confirmation import Confirmed
    from bcauto.results.trials import CompletedTrial, Running, Status

__all__ = ["best", "dashboard", "status"]

_RUNNERS_UP = 4
_REASONS = 5  # of failures, that are shown


def status(
    study: StudyArgument = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Count a study's trials by state."""
    from bcauto.results.trials import status as count
    from bcauto.storage.connect import storage_failures_in_one_line
    from bcauto.study.lock import searching_process  # --help would wait for Optuna
    from bcauto.study.settings import OWN_STORAGE

    with storage_failures_in_one_line():
        opened = open_study(studies_dir, study, storage)
        found = count(opened.study, opened.folder.name, opened.record.settings.trials)
        repeated = opened.confirmed()
    here = opened.record.settings.storage == OWN_STORAGE  # or drivers may be elsewhere
    left = bool(found.running and here and not searching_process(opened.folder))
    typer.echo(json.dumps(found.as_dict()) if as_json else _status_lines(found, repeated, left))


def best(  # one parameter an option
    study: StudyArgument = None,
    trial: Annotated[int | None, typer.Option(help="This trial instead of the best.")] = None,
    export: Annotated[bool, typer.Option("--export", help="Write the model out.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder to export to. [default: studies/STUDY/best]")
    ] = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Show the winning recipe beside the runners-up; --export hands over its model.

    The winner is the trial that did best when it was trained again, or, before any was, the best
    of the search.
    """
    if out and not export:
        raise BadInput(f"--out goes with --export, got --out {out} alone")
    from bcauto.storage.connect import storage_failures_in_one_line  # --help would wait for Optuna

    with storage_failures_in_one_line():
        opened = open_study(studies_dir, study, storage)
        ranked, repeated = _ranked(opened), opened.confirmed()
    chosen = _chosen(ranked, repeated, trial)
    again = {each.candidate.number: each for each in repeated}
    confirmed = again.get(chosen.number)
    written = _export(opened, chosen, confirmed, out or opened.folder.best) if export else None
    if as_json:
        found = _best_object(opened.folder.name, chosen, confirmed, written)
        typer.echo(json.dumps({**found, "importance": opened.importances()}))
    else:
        _show_best(chosen, ranked, again, written)


def dashboard(
    study: StudyArgument = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[str, typer.Option(help="Port to listen on.", metavar="N")] = "8080",
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Serve optuna-dashboard on a study until Ctrl-C."""
    from bcauto.storage.connect import connect

    folder, url = find_storage(studies_dir, study, storage)
    free = _check_address(host, parse_whole("--port", port, 1, 65535))
    opened = connect(url)
    from optuna_dashboard import run_server

    typer.echo(f"{folder.name} on http://{host}:{free}/ until Ctrl-C")
    run_server(opened, host=host, port=free)


def _check_address(host: str, port: int) -> int:
    """The port, if it can be listened on."""
    try:
        with socket.create_server((host, port)):
            pass
    except (OSError, TypeError, UnicodeError) as error:  # not OSError for a name that is none
        reason = getattr(error, "strerror", None) or error
        raise BadInput(
            f"--host and --port must be free to listen on, got {host}:{port} ({reason})"
        ) from None
    return port


def _ranked(opened: Opened) -> list[CompletedTrial]:
    ranked = opened.complete()
    if not ranked:
        raise NothingUsable(f"no trial of study {opened.folder.name!r} is complete yet")
    return ranked


def _chosen(
    ranked: list[CompletedTrial], repeated: list[Confirmed], trial: int | None
) -> CompletedTrial:
    """The trial that was asked for, or else the winner."""
    from bcauto.results.confirmation import winner

    if trial is not None:
        return _numbered(ranked, trial)
    return winner(repeated).candidate if repeated else ranked[0]


def _numbered(ranked: list[CompletedTrial], trial: int) -> CompletedTrial:
    found = next((best for best in ranked if best.number == trial), None)
    if found is None:
        numbers = ", ".join(str(number) for number in sorted(best.number for best in ranked))
        raise BadInput(f"--trial must be a complete trial ({numbers}), got {trial}")
    return found


def _export(opened: Opened, chosen: CompletedTrial, confirmed: Confirmed | None, out: Path) -> Path:
    from bcauto.hardware import count_cores
    from bcauto.results.kept import kept_model
    from bcauto.training.device import start_keras

    kept_model(opened.folder, chosen, confirmed)  # refuses before TensorFlow's slow start
    start_keras(count_cores())
    from bcauto.export.trial import export_trial  # imports Keras

    return export_trial(opened.folder, opened.record, chosen, out, confirmed)


def _best_object(
    name: str, best: CompletedTrial, confirmed: Confirmed | None, written: Path | None
) -> dict[str, Any]:
    """What is known of a trial; the interval is the confirmed score's, if there is one."""
    return {
        "study": name,
        "trial": best.number,
        "objective": best.objective,
        "confirmed": confirmed and confirmed.score,
        "interval": list(confirmed.interval if confirmed else best.scores.interval),
        "optimism": confirmed and confirmed.optimism,
        "repeats": [run.objective for run in confirmed.runs] if confirmed else [],
        "held_out": best.held_out,
        "clean_accuracy": best.clean_accuracy,
        "recipe": best.recipe.model_dump(mode="json"),
        "export": str(written) if written else None,
    }


def _status_lines(found: Status, repeated: list[Confirmed], left: bool) -> str:
    """What is known of a study; ``left``: by a search that died, whose trials look as they did."""
    trials = {**found.trials, "failed": found.failed}
    counts = ", ".join(f"{count} {state}" for state, count in trials.items())
    best = found.best
    ahead = f"best: trial {best.number}, {best.objective:.4f}" if best else "best: none yet"
    lines = [f"{found.study}: {counts}, of {found.target} asked for"]
    lines += _reasons_lines("failed", found.failures)
    lines += _reasons_lines("tried again, under a new number", found.retries)
    lines += map(_running_line, found.running)
    if left:
        lines.append("the search of it was killed, and goes on when it is started again")
    lines.append(ahead)
    if repeated:
        from bcauto.results.confirmation import winner

        lines.append(confirmed_line(winner(repeated), best))
    return "\n".join(lines)


def _reasons_lines(what: str, reasons: Mapping[str, int]) -> list[str]:
    """A line for each of the commonest reasons."""
    lines = [f"{count} {what}: {reason}" for reason, count in list(reasons.items())[:_REASONS]]
    more = [f"{what} for other reasons, too, all of which --json lists"]
    return lines + more * (len(reasons) > _REASONS)


def _running_line(running: Running) -> str:
    if running.score is None:
        return f"trial {running.number} has not ended an epoch yet"
    return f"trial {running.number} is past epoch {running.epoch}, at {running.score:.4f}"


def _show_best(
    chosen: CompletedTrial,
    ranked: list[CompletedTrial],
    again: dict[int, Confirmed],
    written: Path | None,
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    others = [best for best in ranked if best != chosen][:_RUNNERS_UP]
    rows = [_row(best, again.get(best.number), bool(again)) for best in [chosen, *others]]
    # 80 columns hold it, with the longest name of a backbone.
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for title in rows[0]:
        table.add_column(title, no_wrap=title != "model", overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    # What matters most comes last, where a screen that is full stops.
    console.print(f"recipe of trial {chosen.number}:")
    console.print(chosen.recipe.to_toml().strip(), markup=False)
    console.print()
    console.print(table)
    if chosen.number in again:
        console.print(confirmed_line(again[chosen.number]), soft_wrap=True)
    if written:
        files = ", ".join(sorted(path.name for path in written.iterdir()))
        line = f"exported to {written} ({files}); it scored the same after loading"
        console.print(line, soft_wrap=True)


def _row(best: CompletedTrial, confirmed: Confirmed | None, with_confirmed: bool) -> dict[str, str]:
    """What the table says of a trial, by the title of its column."""
    low, high = confirmed.interval if confirmed else best.scores.interval
    again = {"confirmed": f"{confirmed.score:.4f}" if confirmed else "-"} if with_confirmed else {}
    return {
        "trial": str(best.number),
        "search": f"{best.objective:.4f}",
        **again,
        "95 %": f"{low:.3f}-{high:.3f}",
        "held out": "-" if best.held_out is None else f"{best.held_out:.4f}",
        "clean": f"{best.clean_accuracy:.4f}",
        "model": best.recipe.model.label,
        "min": f"{best.run.seconds / 60:.1f}",
    }
