"""``bcauto.inspect``: looks at a data set before any search."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict, Unpack

from bcauto.api.data import Data, as_file
from bcauto.api.settings import given
from bcauto.api.words import in_python
from bcauto.data.resize import Resize
from bcauto.data.rules import ReadingRules
from bcauto.display.waiting import waiting
from bcauto.errors import BadInput
from bcauto.inspection.cleaned import TakenOut, find_taken_out, write_cleaned
from bcauto.inspection.inspect import Inspection as Found
from bcauto.inspection.inspect import Request
from bcauto.inspection.inspect import inspect as inspect_file
from bcauto.inspection.page import write_inspection
from bcauto.inspection.plain import as_plain
from bcauto.training.shared_process import process_kept

__all__ = ["InspectKeywords", "Inspection", "inspect"]

AnyPath = str | os.PathLike[str]


class InspectKeywords(TypedDict, total=False):
    """Keywords of ``bcauto.inspect``, as ``bcauto inspect`` has them."""

    weights: AnyPath | None
    backbone: str | None
    like: str | None
    above: float
    image_size: int | None


class Inspection:
    """What was seen in a data set.

    Attributes:
        seen: counts, copies, intruders, outliers, likely label errors and more as plain values;
            pictures are numbers.
    """

    def __init__(self, found: Found) -> None:
        self._found = found

    @cached_property
    def seen(self) -> dict[str, Any]:
        """All that was seen, as ``bcauto inspect --json`` prints it."""
        return as_plain(self._found)

    @cached_property
    def taken_out(self) -> TakenOut:
        """The pictures that a cleaned copy leaves out; ``reasons`` says why, by their numbers."""
        return find_taken_out(self._found)

    def write_page(self, file: AnyPath) -> Path:
        """Write a page with pictures, maps and tables as one HTML file, and return its path."""
        with in_python():
            write_inspection(Path(file), self._found)
        return Path(file)

    def write_cleaned(self, file: AnyPath) -> Path:
        """Write the data without what is ``taken_out`` as an npz file, and return its path."""
        with in_python():
            write_cleaned(Path(file), self._found, self.taken_out)
        return Path(file)

    def __repr__(self) -> str:
        counts = {name: len(self.seen[name]) for name in ("intruders", "duplicates")}
        shown = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"<inspection of {self.seen['pictures']} pictures: groups of copies: {shown}>"


def inspect(
    data: Data,
    *,
    class_names: Sequence[str] | None = None,
    labels: AnyPath | None = None,
    resize: Resize = "stretch",
    skip_damaged: bool = False,
    progress: bool = True,
    **keywords: Unpack[InspectKeywords],
) -> Inspection:
    """Look at labelled pictures before any search; nothing of the data is changed.

    Args:
        data: as ``bcauto.search`` takes it.
        class_names: of arrays, in the order of the labels.
        labels: a CSV file of labels, where ``data`` is a folder without class folders.
        resize: what becomes of pictures of another shape: stretch, fit or crop.
        skip_damaged: leave out pictures that cannot be read.
        progress: whether a terminal shows what is being done.
        keywords: ``weights`` and ``backbone`` of the features, ``like`` and ``above`` to find
            similar pictures, ``image_size``, as ``bcauto inspect`` has them.

    Raises:
        BadInput: the data or a keyword breaks a rule.
    """
    rules = ReadingRules(skip_damaged, resize, Path(labels) if labels else None)
    request = Request(rules=rules, **given(keywords))
    with in_python(), process_kept(), as_file(data, class_names) as path:
        if path is None:
            raise BadInput("data must be labelled pictures, got None")
        with waiting("starting", silent=not progress):
            return Inspection(inspect_file(path, request))
