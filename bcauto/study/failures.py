"""Counts trials that fail in a row, and says when the search should end."""

from __future__ import annotations

import re
from itertools import takewhile

__all__ = ["Failures"]

_MOST_OF_A_KIND = 10
_MOST = 50


class Failures:
    """The failures since a trial last went well.

    Ten in a row with the same reason end the search, and fifty with any. Reasons that differ only
    in numbers, such as the epoch, count as the same.
    """

    def __init__(self) -> None:
        self._kinds: list[str] = []

    def clear(self) -> None:
        """Start anew, since a trial went well."""
        self._kinds.clear()

    def add(self, reason: str) -> str | None:
        """Count another failure; return the reason to end the search, where that is due."""
        self._kinds.append(re.sub(r"\d+", "N", reason))
        last = self._kinds[-1]
        alike = len(list(takewhile(lambda kind: kind == last, reversed(self._kinds))))
        for most, count in ((_MOST_OF_A_KIND, alike), (_MOST, len(self._kinds))):
            if count >= most:
                return f"{most} trials in a row failed: {reason}"
        return None
