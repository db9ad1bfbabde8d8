"""``bcauto best``: shows the winner of a study, and exports it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcauto.cli.combined_lines import combined_lines
from bcauto.cli.confirmed_line import confirmed_line, unfinished_line
from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput, NothingUsable

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.export.combined import Combined
    from bcauto.results.confirmation import Confirmed
    from bcauto.results.open_study import OpenStudy
    from bcauto.results.trials import CompletedTrial

__all__ = ["best"]

_RUNNERS_UP = 4
_CONSIDERED = 8  # models for an ensemble: each predicts two thousand pictures in every view


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
    if (views or ensemble) and not export:
        raise BadInput("--views and --ensemble go with --export, got none")
    from bcauto.results.open_study import open_study
    from bcauto.results.state import repeats_left
    from bcauto.storage.connect import storage_failures_in_one_line  # --help would wait for Optuna

    with storage_failures_in_one_line():
        opened = open_study(studies_dir, study, storage)
        ranked, repeated = _ranked(opened), opened.confirmed()
        won, left = opened.winner(), repeats_left(opened)
    winner = won.candidate if won else ranked[0]
    chosen = winner if trial is None else _numbered(ranked, trial)
    again = {each.candidate.number: each for each in repeated}
    confirmed = again.get(chosen.number)
    written = out or opened.folder.best if export else None
    combined = None
    if written and (views or ensemble):
        combined = _export_combined(opened, chosen, confirmed, written, (views, ensemble))
    elif written:
        _export(opened, chosen, confirmed, written)
    if as_json:
        found = _best_object(opened.folder.name, chosen, confirmed, written)
        averaged = {"combined": combined.as_dict()} if combined else {}
        more = {"repeats_left": left[0], "importance": opened.importances()}
        typer.echo(json.dumps({**found, **averaged, **more}))
    else:
        _show_best(chosen, ranked, again, written)
        if combined:
            typer.echo("\n".join(combined_lines(combined)))
        if trial is None and (warning := unfinished_line(*left)):
            typer.echo(f"not finished: {warning}")


def _ranked(opened: OpenStudy) -> list[CompletedTrial]:
    ranked = opened.complete()
    if not ranked:
        raise NothingUsable(f"no trial of study {opened.folder.name!r} is complete yet")
    return ranked


def _numbered(ranked: list[CompletedTrial], trial: int) -> CompletedTrial:
    """Return the trial of that number.

    Raises:
        BadInput: no complete trial has it.
    """
    numbered = {each.number: each for each in ranked}
    if trial not in numbered:
        known = ", ".join(map(str, sorted(numbered)))
        raise BadInput(f"--trial must be a complete trial ({known}), got {trial}")
    return numbered[trial]


def _export(
    opened: OpenStudy, chosen: CompletedTrial, confirmed: Confirmed | None, out: Path
) -> None:
    from bcauto.hardware import count_cores
    from bcauto.results.kept import kept_model
    from bcauto.training.device import start_keras

    kept_model(opened.folder, chosen, confirmed)  # refuses a missing one before TensorFlow starts
    start_keras(count_cores())
    from bcauto.export.trial import export_trial  # imports Keras

    export_trial(opened.folder, opened.record, chosen, out, confirmed)


def _export_combined(
    opened: OpenStudy,
    chosen: CompletedTrial,
    confirmed: Confirmed | None,
    out: Path,
    wanted: tuple[bool, bool],
) -> Combined:
    """Export the trial's model over views, in the mean with others, or both, where that wins."""
    from bcauto.ensemble.choose import legal_views
    from bcauto.hardware import count_cores
    from bcauto.results.kept import kept_repeats
    from bcauto.training.device import start_keras

    if confirmed is None:
        rule = (
            "--views and --ensemble need a trial that was trained again, whose corruptions decide"
        )
        raise BadInput(f"{rule}; trial {chosen.number} was not (see bcauto search --confirm)")
    views, ensemble = wanted
    kept = kept_repeats(opened.folder, confirmed, opened.confirmed())[
        : _CONSIDERED if ensemble else 1
    ]
    image_size = opened.record.data.image_size
    legal = legal_views(opened.export.views if views else "none", image_size)
    start_keras(count_cores())
    from bcauto.export.combined import export_combined  # imports Keras

    return export_combined(opened.folder, opened.record, confirmed, kept, legal, out)


def _best_object(
    name: str, best: CompletedTrial, confirmed: Confirmed | None, written: Path | None
) -> dict[str, Any]:
    """Return what is known of a trial; the interval is of the confirmed score, if there is one."""
    return {
        "study": name,
        "trial": best.number,
        "objective": best.objective,
        "confirmed": confirmed and confirmed.score,
        "interval": list(confirmed.interval if confirmed else best.scores.interval),
        "seed_variance": confirmed and confirmed.seed_variance,
        "optimism": confirmed and confirmed.optimism,
        "repeats": [run.objective for run in confirmed.runs] if confirmed else [],
        "held_out": best.held_out,
        "clean_accuracy": best.clean_accuracy,
        "recipe": best.recipe.model_dump(mode="json"),
        "export": str(written) if written else None,
    }


def _show_best(
    chosen: CompletedTrial,
    ranked: list[CompletedTrial],
    again: dict[int, Confirmed],
    written: Path | None,
) -> None:
    from bcauto.cli.tables import open_console, print_rows

    console = open_console()
    others = [best for best in ranked if best != chosen][:_RUNNERS_UP]
    rows = [_row(best, again.get(best.number), bool(again)) for best in [chosen, *others]]
    # What matters most comes last, where a screen that is full stops.
    console.print(f"recipe of trial {chosen.number}:")
    console.print(chosen.recipe.to_toml().strip(), soft_wrap=True)
    console.print()
    print_rows(console, rows, text=("model",), numbers=("trial", "min"))
    if chosen.number in again:
        console.print(f"confirmed: {confirmed_line(again[chosen.number])}")
    if written:
        files = ", ".join(sorted(path.name for path in written.iterdir()))
        console.print(f"exported to {written} ({files}); it scored the same after loading")


def _row(best: CompletedTrial, confirmed: Confirmed | None, with_confirmed: bool) -> dict[str, str]:
    """Return the cells of a trial by the titles of their columns."""
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
