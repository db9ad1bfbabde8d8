"""How much a search spends, as one word: what its other settings are where they are not given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["Effort", "with_effort"]

Effort = Literal["quick", "good", "best"]

_SETTINGS: dict[str, dict[str, Any]] = {
    "quick": {"trials": 12, "confirm": 2, "confirm_repeats": 1, "confirm_length": 1.0},
    "good": {"trials": 60, "confirm": 3, "confirm_repeats": 2},
    "best": {"trials": 200, "confirm": 5, "confirm_repeats": 3, "confirm_length": 3.0},
}


def with_effort(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of their effort, if they have one, where these are not given."""
    return {**_SETTINGS.get(str(given.get("effort")), {}), **given}
