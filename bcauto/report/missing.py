"""A part of a report that cannot be shown."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Missing"]


@dataclass(frozen=True)
class Missing:
    """Stands for what cannot be shown, and says why in a part of a sentence."""

    reason: str
