"""Values of settings as people write them."""

from __future__ import annotations

import math
import re
from typing import Literal

__all__ = ["parse_duration", "parse_keep"]

_NUMBER = r"(\d+(?:\.\d+)?)"
_DURATION = re.compile(f"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?|{_NUMBER}")
_UNITS = (3600, 60, 1, 1)  # of the four numbers, in seconds


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as ``2h``, ``1h30m``, ``90s`` or ``90``.

    Raises:
        ValueError: the text is no duration, or none above 0.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    parts = match.groups() if match else (0,) * len(_UNITS)
    total = sum(unit * float(part or 0) for unit, part in zip(_UNITS, parts, strict=True))
    if not 0 < total < math.inf:
        raise ValueError(f"must be a time such as 2h, 1h30m, 40m or 90s, got {text!r}")
    return total


def parse_keep(text: str) -> int | Literal["all"]:
    """Return how many trials keep their model: a whole number, or ``all``.

    Raises:
        ValueError: the text is neither.
    """
    if text == "all":
        return "all"
    digits = text.isascii() and text.isdecimal() and len(text) < 10
    if not digits or int(text) < 1:
        raise ValueError(f"must be a whole number above 0, or all, got {text!r}")
    return int(text)
