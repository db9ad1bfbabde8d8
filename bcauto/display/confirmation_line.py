"""What came of a confirmation, or how far it is, as the sentence that several commands print."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcauto.results.confirmation import Confirmed
    from bcauto.results.leaderboard import Entry, Leaderboard, RepeatsLeft

__all__ = ["confirmation_line", "trained_again", "unfinished"]


def confirmation_line(board: Leaderboard, entry: Entry | None = None) -> tuple[str, str]:
    """Return what is known of a recipe from its repeats: a title, and a text that may be empty.

    Args:
        board: of the study.
        entry: the recipe; None for the winner, of which is also said why it wins.
    """
    shown = entry or board.winner
    again = shown and shown.confirmed
    known = f"{_estimate(again)}{'' if entry else _why(board, again)}" if again else ""
    if not board.repeats.left:
        return "confirmed", known
    so_far = f"; so far {known}" if known else ""
    return "confirming", f"{unfinished(board.repeats)}{so_far}"


def unfinished(repeats: RepeatsLeft) -> str:
    """Return how far a confirmation is that is not finished, and what may still come of it."""
    done = f"{repeats.done} of {repeats.wanted} repeats are done"
    if not repeats.done:
        done = f"none of {repeats.wanted} repeats is done yet"
    return f"{done}, and another trial may still win"


def trained_again(repeats: int, length: float) -> str:
    """Return how often a trial is trained again, and for how long, such as ``twice more``."""
    times = {1: "once more", 2: "twice more"}.get(repeats, f"{repeats} times more")
    return times if length == 1 else f"{times} and {length:g} times as long"


def _estimate(again: Confirmed) -> str:
    low, high = again.interval
    seeds = "" if again.seed_variance is not None else " by the images; seeds were not compared"
    return (
        f"trial {again.candidate.number}, {again.score:.4f} (95 %: {low:.4f} to {high:.4f}{seeds}) "
        f"trained {trained_again(len(again.runs), again.length)}{_optimism(again)}"
    )


def _optimism(again: Confirmed) -> str:
    if again.optimism is None:  # the search's score is of a shorter training
        return ""
    too = "optimistic" if again.optimism >= 0 else "pessimistic"
    return f"; the search was {abs(again.optimism):.4f} too {too} about it"


def _why(board: Leaderboard, won: Confirmed) -> str:
    """Return why the winner wins over the best of the search; empty where it is that."""
    best = board.entries[0]
    if best.number == won.candidate.number:
        return ""
    over = f". It wins over trial {best.number}, the best of the search: "
    again = best.confirmed
    if again is None:
        return f"{over}that has no repeat yet"
    if len(again.runs) < len(won.runs):
        return f"{over}that has fewer repeats, {len(again.runs)} beside {len(won.runs)}"
    smaller = won.candidate.run.parameters < best.trial.run.parameters
    if board.wanted.prefer == "small" and smaller:
        return f"{over}it is smaller, and no worse by more than a standard error"
    means = f"the mean of its repeats is {won.mean:.4f}, beside {again.mean:.4f}"
    if isclose(won.score, again.score):  # all of the means' differences counts as noise
        means += ", which other seeds may well turn round: both have the same estimate"
    return f"{over}{means}"
