"""What a file says of each picture: one label, and maybe for which part of the data it is."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bcauto.data.parts import Part, part_named
from bcauto.errors import BadInput

__all__ = ["check_single", "find_part_column", "parts_of_rows", "without_decimals"]

_log = logging.getLogger(__name__)

_PART_COLUMNS = frozenset(
    {"split", "set", "subset", "partition", "part", "phase", "usage", "stage", "fold", "kfold"}
)
_FLAG = re.compile(r"is_?(train|test|val|valid|validation)", re.IGNORECASE)
_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_SIGNS = ("|", "[")  # in a label that is a list of labels
_BETWEEN = re.compile(r"[\s,;]+")
_WHOLE = re.compile(r"[0-9]+\.0")


def check_single(file: Path, labels: Sequence[str]) -> None:
    """Refuse labels that are lists of labels; log where they only look like such lists.

    A label such as ``"16 0"``, or ``"scab rot"`` where ``"scab"`` and ``"rot"`` are labels too, is
    a list. Where words are in the labels in more combinations than there are words, it may be one.

    Raises:
        BadInput: a label is a list.
    """
    known = {*labels} - {""}
    words = {label: [word for word in _BETWEEN.split(label) if word] for label in known}
    for label in sorted(known):
        several = len(words[label]) > 1
        numbers = all(word.isdigit() for word in words[label])
        if any(sign in label for sign in _SIGNS) or (
            several and (numbers or {*words[label]} <= known)
        ):
            raise BadInput(
                f"{file}: must have one class for each picture, got {label!r}: a multi-label data "
                "set, which bcauto does not train on"
            )
    longest = max(known, key=lambda label: len(words[label]), default="")
    distinct = {word for of_label in words.values() for word in of_label}
    if len(known) > len(distinct):
        _log.warning(
            "%s: takes its %d labels as classes, which are made of %d words, such as %r; where "
            "these are lists, the data set is multi-label, which bcauto does not train on",
            *(file, len(known), len(distinct), longest),
        )


def without_decimals(labels: Sequence[str]) -> list[str]:
    """Return labels with ``1.0`` as ``1``, as pandas writes whole numbers beside missing ones."""
    if all(_WHOLE.fullmatch(label) for label in labels if label):
        return [label.removesuffix(".0") for label in labels]
    return [*labels]


def find_part_column(
    file: Path, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> int | None:
    """Return the column that says for which part each row is; None without one.

    It is called ``split``, ``set`` or the like and holds names of parts, or ``is_valid`` or the
    like and holds true and false. A column that is called so and holds something else is logged.
    """
    for at, name in enumerate(header):
        values = {row[at] for row in rows} - {""}
        flag = _FLAG.fullmatch(name)
        if flag and {value.lower() for value in values} <= _FLAGS.keys():
            return at
        if name.lower() in _PART_COLUMNS:
            if values and all(map(part_named, values)):
                return at
            shown = ", ".join(sorted(values)[:3])
            _log.warning("%s: makes nothing of its column %r (%s)", file, name, shown)
    return None


def parts_of_rows(
    file: Path, header: Sequence[str], rows: Sequence[Sequence[str]], column: int
) -> list[str]:
    """Return the part that each row is for, and log how many are for which; "" for none."""
    flag = _FLAG.fullmatch(header[column])
    values = [row[column].lower() for row in rows]
    parts = [_flagged(flag[1].lower(), value) if flag else part_named(value) for value in values]
    counts = Counter(parts)
    goals: dict[Part, str] = {"train": "train on", "val": "validate on", "test": "test on"}
    shown = ", ".join(f"{counts[part]} to {goal}" for part, goal in goals.items() if counts[part])
    _log.warning("%s: by its column %r there are %s", file, header[column], shown)
    return [part or "" for part in parts]


def _flagged(name: str, value: str) -> Part | None:
    """Return the part of a row where a column ``is_<name>`` has this value."""
    if value not in _FLAGS:
        return None
    if _FLAGS[value]:
        return part_named(name)
    return "test" if name == "train" else "train"
