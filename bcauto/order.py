"""Names in the order in which people put them."""

from __future__ import annotations

import re

__all__ = ["as_natural"]

_DIGITS = re.compile("([0-9]+)")


def as_natural(name: str) -> tuple[list[str | int], str]:
    """Return a key to sort names by as people do: "2" is before "10", "cell2" before "cell10"."""
    parts = _DIGITS.split(name)  # text and digits in turn
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)], name
