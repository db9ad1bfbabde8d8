"""How many trials in a row have failed, and whether that is enough."""

from __future__ import annotations

import re
from itertools import takewhile

__all__ = ["Failures"]

_MOST_OF_A_KIND = 10
_MOST = 50


class Failures:
    """The failures since a trial last went well.

    Reasons that differ in numbers alone, such as the epoch, are of one kind.
    """

    def __init__(self) -> None:
        self._kinds: list[str] = []

    def clear(self) -> None:
        """A trial went well."""
        self._kinds.clear()

    def add(self, reason: str) -> str | None:
        """Counts another one; the reason to end the search, where that is due."""
        self._kinds.append(re.sub(r"\d+", "N", reason))
        last = self._kinds[-1]
        alike = len(list(takewhile(lambda kind: kind == last, reversed(self._kinds))))
        for most, count in ((_MOST_OF_A_KIND, alike), (_MOST, len(self._kinds))):
            if count >= most:
                return f"{most} trials in a row failed: {reason}"
        return None
