"""What a proxy is made of, in rows to draw: one original beside its corruptions, by severity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bcauto.plots.grid import Picture, Row
from bcauto.proxy.corruptions import OWN, CorruptionAtSeverity
from bcauto.proxy.proxy import Proxy
from bcauto.seeds import generator

__all__ = ["copied_rows", "corrupted_rows"]


def corrupted_rows(stored: Proxy, original: Picture) -> list[Row]:
    """Return a row for each corruption: the original, then what each of its severities makes of it.

    A user's own pictures are no corruptions, and have no row.
    """
    rows = []
    for corruption, places in _by_corruption(stored).items():
        if corruption != OWN:
            shown = [stored.corruptions[place] for place in places]
            tiles = [original, *(_corrupted(original, each) for each in shown)]
            rows.append(_row(stored, shown, np.stack(tiles), "as it is, "))
    return rows


def _corrupted(original: Picture, each: CorruptionAtSeverity) -> Picture:
    return each.corrupt(original, generator(0, "report", each.corruption))


def copied_rows(stored: Proxy) -> list[Row]:
    """Return a row for each corruption, with a copy at each severity, where no original is known.

    The copies are of one image where there is one with all severities; classes take turns.
    """
    classes, rows = np.unique(stored.labels), []
    for turn, places in enumerate(_by_corruption(stored).values()):
        tiles = _tiles(stored, places, classes[turn % len(classes)])
        rows.append(_row(stored, [stored.corruptions[place] for place in places], tiles))
    return rows


def _by_corruption(stored: Proxy) -> dict[str, list[int]]:
    """Return the places of each corruption's severities."""
    groups = groupby(enumerate(stored.corruptions), key=lambda each: each[1].corruption)
    return {corruption: [place for place, _ in each] for corruption, each in groups}


def _row(
    stored: Proxy, shown: Sequence[CorruptionAtSeverity], tiles: NDArray[np.uint8], first: str = ""
) -> Row:
    corruption, family = shown[0].corruption, shown[0].family
    held_out = " (held out)" if family in stored.held_out else ""
    severities = " ".join(str(each.severity) for each in shown)
    return Row(f"{corruption}{held_out}", tiles, f"{family}, {first}severity {severities}")


def _tiles(stored: Proxy, places: Sequence[int], label: int) -> NDArray[np.uint8]:
    """Return an image at each severity, of one validation image and of the class if possible."""
    copies = [np.flatnonzero(stored.corruption == place) for place in places]
    shared = set.intersection(*({*stored.base[each].tolist()} for each in copies))

    def rank(copy: int) -> tuple[bool, bool, int]:
        base = int(stored.base[copy])
        return base not in shared, stored.labels[copy] != label, base

    return stored.images[[min(each.tolist(), key=rank) for each in copies]]
