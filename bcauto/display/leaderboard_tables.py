"""The leaderboard of a study as two tables: what the search scored, and what its repeats scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bcauto.display.tables import print_rows

if TYPE_CHECKING:
    from rich.console import Console

    from bcauto.results.confirmation import Confirmed
    from bcauto.results.leaderboard import Entry, Leaderboard
    from bcauto.results.trials import CompletedTrial

__all__ = ["print_leaderboard"]

_OTHERS = 4


def print_leaderboard(console: Console, board: Leaderboard, shown: Entry) -> None:
    """Print a recipe beside the best others, each number under the training that it is of."""
    others = [entry for entry in board.entries if entry.number != shown.number][:_OTHERS]
    console.print("as the search trained them, once each:")
    rows = [_search_row(entry.trial) for entry in [shown, *others]]
    print_rows(console, rows, text=("model",), numbers=("trial", "min"))
    again = [each for each in board.confirmed if each.candidate.number != shown.number][:_OTHERS]
    if shown.confirmed:
        again = [shown.confirmed, *again]
    if again:
        console.print()
        console.print("trained again on other seeds, scored on other corruptions:")
        print_rows(
            console, [_repeats_row(each) for each in again], text=("repeats",), numbers=("trial",)
        )


def _search_row(trial: CompletedTrial) -> dict[str, str]:
    """Return the cells of a trial of the search by the titles of their columns."""
    return {
        "trial": str(trial.number),
        "score": f"{trial.objective:.4f}",
        "95 %": _range(trial.scores.interval),
        "held out": "-" if trial.held_out is None else f"{trial.held_out:.4f}",
        "clean": f"{trial.clean_accuracy:.4f}",
        "model": trial.recipe.model.label,
        "min": f"{trial.run.seconds / 60:.1f}",
    }


def _repeats_row(again: Confirmed) -> dict[str, str]:
    """Return the cells of a trial's repeats, and of what they say of its recipe."""
    return {
        "trial": str(again.candidate.number),
        "repeats": ", ".join(f"{run.objective:.4f}" for run in again.runs),
        "mean": f"{again.mean:.4f}",
        "estimate": f"{again.score:.4f}",
        "95 %": _range(again.interval),
    }


def _range(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.3f}-{high:.3f}"
