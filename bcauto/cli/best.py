"""``bcauto best``: shows the winner of a study, and exports it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from rich.console import Console

    from bcauto.export.entry import Exported
    from bcauto.results.leaderboard import Entry
    from bcauto.results.open_study import OpenStudy

__all__ = ["best"]


def best(  # one parameter an option
    study: StudyArgument = None,
    trial: Annotated[
        int | None, typer.Option(help="Number of a trial.", show_default="the winner", metavar="N")
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Write model, recipe and manifest to a folder.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to export to.", show_default="best in the study's folder"),
    ] = None,
    views: Annotated[
        bool,
        typer.Option(
            "--views", help="Average over mirrored and turned pictures, where that scores better."
        ),
    ] = False,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble", help="Average models of the best trials, where that scores better."
        ),
    ] = False,
    distil: Annotated[
        bool,
        typer.Option(
            "--distil", help="Train one network on what that average says, in a run of its own."
        ),
    ] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Formats besides Keras' own, a comma list: onnx, litert, litert-int8, savedmodel, "
            "codabench.",
            metavar="NAMES",
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Give the softmax a temperature fitted on validation images, clean and corrupted, "
            "so that the model is right as often as it says.",
        ),
    ] = False,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Show the winning recipe, or export its model.

    The winner is the trial that did best when it was trained again, or the best of the search
    where none was trained again yet.
    """
    if out and not export:
        raise BadInput(f"--out goes with --export, got --out {out} alone")
    if (views or ensemble or distil or formats or calibrate) and not export:
        rule = "--views, --ensemble, --distil, --format and --calibrate go with --export"
        raise BadInput(f"{rule}, got none")
    from bcauto.export.entry import ExportOptions, export_entry
    from bcauto.results.open_study import open_study
    from bcauto.storage.connect import storage_failures_in_one_line  # --help would wait for Optuna

    with storage_failures_in_one_line():
        opened = open_study(studies_dir, study, storage)
        entry = opened.leaderboard.find(trial)
    exported = None
    if export:
        options = ExportOptions(views, ensemble, distil, tuple(formats or ()), calibrate)
        from bcauto.display.tables import epoch_printer

        report = epoch_printer(silent=as_json)
        exported = export_entry(opened, entry, out or opened.folder.best, options, report)
    if as_json:
        typer.echo(json.dumps(_as_object(opened, entry, exported)))
    else:
        _show(opened, entry, exported)


def _as_object(opened: OpenStudy, entry: Entry, exported: Exported | None) -> dict[str, Any]:
    """Return what is known of a trial's recipe, each number under the model it is of."""
    from bcauto.results.state import trials_left

    calibration = exported and exported.calibration
    return {
        "study": opened.folder.name,
        "recipe": entry.recipe.model_dump(mode="json"),
        "objective": entry.trial.objective,  # of the search, again: scripts look for it here
        **entry.as_dict(),
        "trials": {"left": trials_left(opened), "wanted": opened.record.settings.trials},
        "repeats": opened.leaderboard.repeats.as_dict(),
        "export": str(exported.folder) if exported else None,
        "model": exported.model.as_dict() if exported else None,
        **({"combined": exported.combined.as_dict()} if exported and exported.combined else {}),
        **({"calibration": calibration.as_dict()} if calibration else {}),
        **({"formats": exported.manifest["formats"]} if exported and exported.formats else {}),
        "importance": opened.importances(),
    }


def _show(opened: OpenStudy, entry: Entry, exported: Exported | None) -> None:
    """Print what is known of a recipe; what matters most comes last, where a full screen stops."""
    from bcauto.display.confirmation_line import confirmation_line, unfinished
    from bcauto.display.leaderboard_tables import print_leaderboard
    from bcauto.display.tables import open_console

    console, board = open_console(), opened.leaderboard
    console.print(f"recipe of trial {entry.number}:")
    console.print(entry.recipe.to_toml().strip(), soft_wrap=True)
    console.print()
    print_leaderboard(console, board, entry)
    console.print()
    title, text = confirmation_line(board, None if entry == board.winner else entry)
    searching = _searching(opened)
    if searching:
        console.print(f"searching: {searching}")
    if text:
        console.print(f"{title}: {text}")
    if exported:
        _show_export(console, exported)
        missing = [searching] if searching else []
        if board.repeats.left:
            missing.append(unfinished(board.repeats))
        if missing:
            console.print(f"warning: {'; '.join(missing)}; the same search goes on")


def _searching(opened: OpenStudy) -> str:
    """Return how far the search is; empty where it is finished."""
    from bcauto.results.state import trials_left

    left, wanted = trials_left(opened), opened.record.settings.trials
    return f"{wanted - left} of {wanted} trials are finished" if left else ""


def _show_export(console: Console, exported: Exported) -> None:
    """Print what was written, and what the model in it scored itself."""
    from bcauto.display.calibration_line import calibration_line
    from bcauto.display.combined_lines import combined_lines
    from bcauto.display.format_table import print_formats

    model = exported.model
    files = ", ".join(sorted(path.name for path in exported.folder.iterdir()))
    low, high = model.scores.interval
    held_out = model.scores.mean_held_out
    own = [
        f"{model.objective:.4f} on the {model.proxy}'s proxy (95 %: {low:.4f} to {high:.4f})",
        *([] if held_out is None else [f"{held_out:.4f} on what was held out"]),
    ]
    clean = ""
    if model.clean_accuracy is not None:
        clean = f"; when trained, {model.clean_accuracy:.4f} on clean validation images"
    console.print(f"exported to {exported.folder} ({files})")
    console.print(f"  The model is {model.name}. After loading it scores {', '.join(own)}{clean}.")
    if exported.combined:
        console.print("\n".join(combined_lines(exported.combined)))
    if exported.calibration:
        console.print(calibration_line(exported.calibration))
    if exported.formats:
        print_formats(console, exported.formats)
