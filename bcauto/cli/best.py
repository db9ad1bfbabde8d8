"""``bcauto best``: shows the winner of a study, and exports it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput
from bcauto.interrupts import interrupted_with

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
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
    full: Annotated[
        bool, typer.Option("--full", help="Show all of the recipe, its defaults too.")
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
    from bcauto.api.read import read_study

    with read_study(studies_dir, study, storage) as opened:
        entry = opened.leaderboard.find(trial)
    exported = None
    if export:
        from bcauto.api.study import open_study

        with interrupted_with("nothing was exported, and an older export is as it was"):
            found = open_study(opened.folder.name, studies_dir=studies_dir, storage=storage)
            exported = found.export(
                out,
                formats=formats or (),
                trial=entry.number,
                progress=not as_json,
                views=views,
                ensemble=ensemble,
                distil=distil,
                calibrate=calibrate,
            )
    if as_json:
        typer.echo(json.dumps(_as_object(opened, entry, exported)))
    else:
        from bcauto.display.best_text import show_best

        show_best(opened, entry, exported, full)


def _as_object(opened: OpenStudy, entry: Entry, exported: Exported | None) -> dict[str, Any]:
    """Return what is known of a trial's recipe, each number under the model it is of."""
    from bcauto.export.folder import read_export
    from bcauto.results.state import trials_left

    manifest = exported.manifest if exported else read_export(opened.folder.best) or {}
    own = manifest if manifest.get("trial") == entry.number else {}
    folder = exported.folder if exported else opened.folder.best
    parts: dict[str, Any] = {
        key: own[key] for key in ("combined", "calibration", "formats") if key in own
    }
    return {
        "study": opened.folder.name,
        "recipe": entry.recipe.model_dump(mode="json"),
        "objective": entry.trial.objective,  # of the search, again: scripts look for it here
        **entry.as_dict(),
        "trials": {"left": trials_left(opened), "wanted": opened.record.settings.trials},
        "repeats": opened.leaderboard.repeats.as_dict(),
        "export": str(folder) if own else None,
        "model": own.get("model"),
        **parts,
        "importance": opened.importances(),
    }
