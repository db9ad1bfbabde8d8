"""The winner of a study as text: its numbers, its recipe, what was exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomli_w
from rich.console import Console

from bcauto.display.combined_lines import combined_lines
from bcauto.display.confirmation_line import confirmation_line, unfinished
from bcauto.display.format_table import print_formats
from bcauto.display.leaderboard_tables import print_leaderboard
from bcauto.display.tables import open_console
from bcauto.recipe.recipe import Recipe
from bcauto.results.leaderboard import Entry
from bcauto.results.open_study import OpenStudy
from bcauto.results.state import trials_left

if TYPE_CHECKING:
    from bcauto.export.entry import Exported

__all__ = ["show_best"]


def show_best(opened: OpenStudy, entry: Entry, exported: Exported | None, full: bool) -> None:
    """Print what is known of a recipe.

    Args:
        opened: the study.
        entry: the recipe.
        exported: its export, where one was written.
        full: whether to print also what is as by default.
    """
    console, board = open_console(), opened.leaderboard
    print_leaderboard(console, board, entry)
    console.print()
    rest = "" if full else ", where it differs from the defaults (--full shows all)"
    console.print(f"recipe of trial {entry.number}{rest}:")
    console.print(_toml(entry.recipe, full), soft_wrap=True)
    console.print()
    title, text = confirmation_line(board, None if entry == board.winner else entry)
    searching = _searching(opened)
    if searching:
        console.print(f"searching: {searching}")
    own = f"trial {entry.number}, {entry.trial.objective:.4f}; it was not trained again"
    console.print(f"{title}: {text}" if text else f"scored once: {own}")
    if exported:
        _show_export(console, exported)
        missing = [searching] if searching else []
        if board.repeats.left:
            missing.append(unfinished(board.repeats))
        if missing:
            console.print(f"warning: {'; '.join(missing)}; the same search goes on")


def _toml(recipe: Recipe, full: bool) -> str:
    if full:
        return recipe.to_toml().strip()
    changed = recipe.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return tomli_w.dumps(changed).strip()


def _searching(opened: OpenStudy) -> str:
    """Return how far the search is; empty where it is finished."""
    left, wanted = trials_left(opened), opened.record.settings.trials
    return f"{wanted - left} of {wanted} trials are finished" if left else ""


def _show_export(console: Console, exported: Exported) -> None:
    """Print what was written, and what the model in it scored itself."""
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
        console.print(f"  {exported.calibration.summary()}")
    if exported.formats:
        print_formats(console, exported.formats)
