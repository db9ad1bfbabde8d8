"""Sentences that several commands say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bcauto.study import Confirmed

__all__ = ["confirmed_line"]


def confirmed_line(won: Confirmed) -> str:
    """What came of confirming a trial."""
    low, high = won.interval
    again = "once more" if len(won.runs) == 1 else f"{len(won.runs)} times more"
    return (
        f"confirmed: trial {won.candidate.number}, {won.score:.4f} (95 %: {low:.4f} to {high:.4f}) "
        f"trained {again}; the search was {abs(won.optimism):.4f} too "
        f"{'optimistic' if won.optimism >= 0 else 'pessimistic'}"
    )
