"""``bcauto status``, ``best`` and ``dashboard``: commands that look at a study."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput, NothingUsable

if TYPE_CHECKING:
    import optuna

    from bcauto.study import Best, Status, StudyFolder, StudyRecord

__all__ = ["best", "dashboard", "status"]

_RUNNERS_UP = 4


def status(
    study: StudyArgument = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Count a study's trials by state."""
    from bcauto.study import status as count
    from bcauto.study import storage_failures_in_one_line  # --help would wait for Optuna

    with storage_failures_in_one_line():
        folder, record, opened = _open(studies_dir, study, storage)
        found = count(opened, folder.name, record.settings.trials)
    typer.echo(json.dumps(found.as_dict()) if as_json else _status_lines(found))


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
    """Show the winning recipe beside the runners-up; --export hands over its model."""
    if out and not export:
        raise BadInput(f"--out goes with --export, got --out {out} alone")
    from bcauto.study import storage_failures_in_one_line  # --help would wait for Optuna

    with storage_failures_in_one_line():
        folder, record, opened = _open(studies_dir, study, storage)
        ranked = _ranked(opened, folder.name)
    chosen = ranked[0] if trial is None else _numbered(ranked, trial)
    written = _export(folder, record, chosen, out or folder.best) if export else None
    if as_json:
        typer.echo(json.dumps(_best_object(folder.name, chosen, written)))
    else:
        _show_best(chosen, ranked, written)


def dashboard(
    study: StudyArgument = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Serve optuna-dashboard on a study until Ctrl-C."""
    from bcauto.study import connect

    folder, url = _find(studies_dir, study, storage)
    _check_address(host, port)
    opened = connect(url)
    from optuna_dashboard import run_server

    typer.echo(f"{folder.name} on http://{host}:{port}/ until Ctrl-C")
    run_server(opened, host=host, port=port)


def _open(
    studies: Path, name: str | None, storage: str | None
) -> tuple[StudyFolder, StudyRecord, optuna.Study | None]:
    from bcauto.study import StudyRecord, connect, load_study

    folder, url = _find(studies, name, storage)
    return folder, StudyRecord.read(folder), load_study(folder.name, connect(url))


def _find(studies: Path, name: str | None, storage: str | None) -> tuple[StudyFolder, str]:
    """A study and the URL of its storage, which must be there: looking makes nothing."""
    from bcauto.study import StudyRecord, check_exists, find_study

    folder = find_study(studies, name)
    url = StudyRecord.read(folder).storage_url(folder, storage)
    check_exists(url)
    return folder, url


def _check_address(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise BadInput(
            f"--host and --port must be free to listen on, got {host}:{port} ({error.strerror})"
        ) from None


def _ranked(study: optuna.Study | None, name: str) -> list[Best]:
    from bcauto.study import best_trials

    ranked = best_trials(study) if study else []
    if not ranked:
        raise NothingUsable(f"no trial of study {name!r} is complete yet")
    return ranked


def _numbered(ranked: list[Best], trial: int) -> Best:
    found = next((best for best in ranked if best.number == trial), None)
    if found is None:
        numbers = ", ".join(str(number) for number in sorted(best.number for best in ranked))
        raise BadInput(f"--trial must be a complete trial ({numbers}), got {trial}")
    return found


def _export(folder: StudyFolder, record: StudyRecord, chosen: Best, out: Path) -> Path:
    from bcauto.hardware import count_cores
    from bcauto.training.device import start_keras

    start_keras(count_cores())
    from bcauto.export import export_trial  # imports Keras

    return export_trial(folder, record, chosen, out)


def _best_object(name: str, best: Best, written: Path | None) -> dict[str, Any]:
    return {
        "study": name,
        "trial": best.number,
        "objective": best.objective,
        "clean_accuracy": best.clean_accuracy,
        "recipe": best.recipe.model_dump(mode="json"),
        "export": str(written) if written else None,
    }


def _status_lines(found: Status) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in found.trials.items())
    best = found.best
    ahead = f"best: trial {best.number}, {best.objective:.4f}" if best else "best: none yet"
    return f"{found.study}: {counts}, of {found.target} asked for\n{ahead}"


def _show_best(chosen: Best, ranked: list[Best], written: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("trial", "proxy", "clean", "held out", "model", "by", "rate", "min")
    others = [best for best in ranked if best != chosen][:_RUNNERS_UP]
    for best in [chosen, *others]:
        table.add_row(*_row(best))
    console.print(table)
    console.print(f"recipe of trial {chosen.number}:")
    console.print(chosen.recipe.to_toml().strip(), markup=False)
    if written:
        console.print(f"exported to {written}; it scored the same after loading", soft_wrap=True)


def _row(best: Best) -> list[str]:
    held_out = best.scores["held_out"].values()
    mean = f"{sum(held_out) / len(held_out):.4f}" if held_out else "-"
    model, training = best.recipe.model, best.recipe.training
    scores = [f"{best.objective:.4f}", f"{best.clean_accuracy:.4f}", mean]
    rate, minutes = f"{training.learning_rate:.1e}", f"{best.run['seconds'] / 60:.1f}"
    return [str(best.number), *scores, model.label, training.optimizer, rate, minutes]
