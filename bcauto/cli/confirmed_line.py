"""What came of a confirmation, as the sentence that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcauto.results.confirmation import Confirmed
    from bcauto.results.trials import CompletedTrial

__all__ = ["confirmed_line"]


def confirmed_line(won: Confirmed, best: CompletedTrial | None = None) -> str:
    """Return what is known of a confirmed trial, and why it wins over the best of the search."""
    low, high = won.interval
    again = "once more" if len(won.runs) == 1 else f"{len(won.runs)} times more"
    return (
        f"trial {won.candidate.number}, {won.score:.4f} (95 %: {low:.4f} to {high:.4f}) "
        f"trained {again}; the search was {abs(won.optimism):.4f} too "
        f"{'optimistic' if won.optimism >= 0 else 'pessimistic'} about it{_why(won, best)}"
    )


def _why(won: Confirmed, best: CompletedTrial | None) -> str:
    if best is None or best.number == won.candidate.number:
        return ""
    smaller = won.candidate.run.parameters < best.run.parameters
    reason = "no worse when trained again, and smaller" if smaller else "better when trained again"
    return f". It wins over trial {best.number}, the best of the search: {reason}"
