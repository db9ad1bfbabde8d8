"""What came of a confirmation, as the sentence that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcauto.results.confirmation import Confirmed
    from bcauto.results.trials import CompletedTrial

__all__ = ["confirmed_line", "trained_again", "unfinished_line"]


def confirmed_line(won: Confirmed, best: CompletedTrial | None = None, prefer: str = "best") -> str:
    """Return what is known of a confirmed trial, and why it wins over the best of the search."""
    low, high = won.interval
    seeds = "" if won.seed_variance is not None else " by the images; seeds were not compared"
    return (
        f"trial {won.candidate.number}, {won.score:.4f} (95 %: {low:.4f} to {high:.4f}{seeds}) "
        f"trained {trained_again(len(won.runs), won.length)}{_optimism(won)}"
        f"{_why(won, best, prefer)}"
    )


def unfinished_line(left: int, wanted: int) -> str:
    """Return a warning that a confirmation is not finished; empty where nothing is left of it."""
    if not left:
        return ""
    return f"{wanted - left} of {wanted} repeats are done, and another trial may still win"


def trained_again(repeats: int, length: float) -> str:
    """Return how often a trial is trained again, and for how long, such as ``twice more``."""
    times = {1: "once more", 2: "twice more"}.get(repeats, f"{repeats} times more")
    return times if length == 1 else f"{times} and {length:g} times as long"


def _optimism(won: Confirmed) -> str:
    if won.optimism is None:  # the search's score is of a shorter training
        return ""
    too = "optimistic" if won.optimism >= 0 else "pessimistic"
    return f"; the search was {abs(won.optimism):.4f} too {too} about it"


def _why(won: Confirmed, best: CompletedTrial | None, prefer: str) -> str:
    if best is None or best.number == won.candidate.number:
        return ""
    smaller = prefer == "small" and won.candidate.run.parameters < best.run.parameters
    reason = "no worse when trained again, and smaller" if smaller else "better when trained again"
    return f". It wins over trial {best.number}, the best of the search: {reason}"
