"""The two pictures of ``bcauto proxy``: of the corruptions, and of the trials' scores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bcauto.plots.grid import Picture, Row
from bcauto.plots.scatter import Panel, draw_panel
from bcauto.proxy.proxy import Proxy
from bcauto.results.trials import CompletedTrial
from bcauto.results.validity import Choice, Validity, Worth, comparable

__all__ = ["choice_line", "corruption_rows", "draw_validity"]


def corruption_rows(stored: Proxy) -> list[Row]:
    """Return a row for each corruption, with a tile for each of its severities."""
    by_corruption = groupby(enumerate(stored.corruptions), key=lambda each: each[1].corruption)
    places = [[place for place, _ in each] for _, each in by_corruption]
    return [_row(stored, each, turn) for turn, each in enumerate(places)]


def _row(stored: Proxy, places: Sequence[int], turn: int) -> Row:
    """Return the same image at all severities where there is one; classes take turns."""
    classes = np.unique(stored.labels)
    tiles = _tiles(stored, places, classes[turn % len(classes)])
    shown = [stored.corruptions[place] for place in places]
    corruption, family = shown[0].corruption, shown[0].family
    held_out = " (held out)" if family in stored.held_out else ""
    severities = " ".join(str(each.severity) for each in shown)
    note = f"{family}, severity {severities}"
    return Row(f"{corruption}{held_out}", tiles, note)


def _tiles(stored: Proxy, places: Sequence[int], label: int) -> NDArray[np.uint8]:
    """Return an image at each severity, of one validation image and of the class if possible."""
    copies = [np.flatnonzero(stored.corruption == place) for place in places]
    shared = set.intersection(*({*stored.base[each].tolist()} for each in copies))

    def rank(copy: int) -> tuple[bool, bool, int]:
        base = int(stored.base[copy])
        return base not in shared, stored.labels[copy] != label, base

    return stored.images[[min(each.tolist(), key=rank) for each in copies]]


def draw_validity(trials: Sequence[CompletedTrial], found: Validity, unknown: str) -> Picture:
    """Return two panels: held-out score over the objective, and over clean accuracy.

    ``unknown`` says why there are too few scores to conclude from, where that is so.
    """
    compared = comparable(trials)
    scores = {
        "objective": (found.objective, [trial.objective for trial in compared]),
        "clean accuracy": (found.clean_accuracy, [trial.clean_accuracy for trial in compared]),
    }
    held_out = [trial.held_out or 0.0 for trial in compared]
    numbers = [trial.number for trial in compared]
    panels = [
        Panel(
            title=f"{label}: {_rho(worth) if worth.choice else unknown}",
            note=f"orange: {choice_line(worth.choice)}" if worth.choice else "",
            label=label,
            side="held-out score",
            x=values,
            y=held_out,
            marked=numbers.index(worth.choice.trial) if worth.choice else None,
        )
        for label, (worth, values) in scores.items()
    ]
    return np.concatenate([draw_panel(panel) for panel in panels], axis=1)


def _rho(worth: Worth) -> str:
    if worth.rho is None:
        return "equal scores, no rho"
    low, high = worth.rho.interval
    return f"rho {worth.rho.value:.2f} ({low:.2f} to {high:.2f})"


def choice_line(choice: Choice) -> str:
    """Return what a score chooses, and what is lost by that."""
    return f"trial {choice.trial}, {choice.held_out:.4f} held out, a regret of {choice.regret:.4f}"
