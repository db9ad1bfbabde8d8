"""``bcauto proxy``: what the proxy looks like, and what a study knows of its worth."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from bcauto.cli.options import JsonFlag, StorageOption, StudiesDir, StudyArgument
from bcauto.errors import BadInput

if TYPE_CHECKING:  # what runs is imported when it does, or --help would wait for it
    from bcauto.grid import Picture, Row
    from bcauto.proxy import Proxy
    from bcauto.study import Best, Choice, Correlation, StudyFolder, Validity, Worth

__all__ = ["proxy"]


def proxy(
    study: StudyArgument = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the pictures. [default: studies/STUDY/report]")
    ] = None,
    as_json: JsonFlag = False,
    studies_dir: StudiesDir = Path("studies"),
    storage: StorageOption = None,
) -> None:
    """Show how good the proxy is: draw it, and compare its scores with held-out ones.

    Writes proxy.png, with an image of every cell, and validity.png, with every complete trial.
    """
    folder, trials = _read(studies_dir, study, storage)
    from bcauto.grid import draw_grid, write_picture
    from bcauto.proxy import Proxy
    from bcauto.study import proxy_validity

    stored = Proxy.load(folder.proxy)
    report = _make_folder(out or folder.report)
    found = proxy_validity(trials)
    pictures = {"proxy": report / "proxy.png", "validity": report / "validity.png"}
    write_picture(pictures["proxy"], draw_grid(_rows(stored)))
    write_picture(pictures["validity"], _draw_validity(trials, found, _why_unknown(stored)))
    if as_json:
        typer.echo(json.dumps(_as_object(folder.name, stored, found, pictures)))
    else:
        _show(folder.name, stored, found)
        for path in pictures.values():
            typer.echo(path)


def _read(studies: Path, name: str | None, storage: str | None) -> tuple[StudyFolder, list[Best]]:
    """A study, which must be there, and its COMPLETE trials."""
    from bcauto.study import (
        StudyRecord,
        best_trials,
        check_exists,
        connect,
        find_study,
        load_study,
        storage_failures_in_one_line,
    )

    folder = find_study(studies, name)
    url = StudyRecord.read(folder).storage_url(folder, storage)
    check_exists(url)
    with storage_failures_in_one_line():
        opened = load_study(folder.name, connect(url))
        return folder, best_trials(opened) if opened else []


def _make_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        rule = "--out must be a folder that is there or can be made"
        raise BadInput(f"{rule}, got {path} ({(error.strerror or str(error)).lower()})") from None
    return path


# --- the words ---------------------------------------------------------------------------------


def _as_object(
    name: str, stored: Proxy, found: Validity, pictures: dict[str, Path]
) -> dict[str, Any]:
    return {
        "study": name,
        "held_out": list(stored.held_out),
        **found.as_dict(),
        "pictures": {what: str(path) for what, path in pictures.items()},
    }


def _show(name: str, stored: Proxy, found: Validity) -> None:
    held_out = ", ".join(stored.held_out) or "nothing"
    typer.echo(f"{name}: {found.trials} complete trials compared; held out: {held_out}")
    if found.best is None:
        typer.echo(f"{_why_unknown(stored)}: what the scores are worth is not known")
        return
    _print_table(found)
    typer.echo("rank correlation with the held-out score; top 10: of the 10 best by objective")
    typer.echo(f"best held out: trial {found.best.trial}, {found.best.held_out:.4f}")
    for score, worth in (("objective", found.objective), ("clean", found.clean_accuracy)):
        if worth.choice:
            typer.echo(f"best {score}: {_outcome(worth.choice)}")


def _print_table(found: Validity) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("score", "rho (95 %)", "tau (95 %)", "top 10 (95 %)", show_edge=False)
    worths = {"objective": found.objective, "clean": found.clean_accuracy, **found.families}
    for score, worth in worths.items():
        table.add_row(score, *map(_figure, (worth.rho, worth.tau, worth.top_10)))
    Console(highlight=False).print(table)


def _why_unknown(stored: Proxy) -> str:
    return "too few trials" if stored.held_out else "no held-out family"


def _figure(found: Correlation | None) -> str:
    if found is None:
        return "-"
    low, high = found.interval
    return f"{found.value:.2f} ({low:.2f}, {high:.2f})"


def _outcome(choice: Choice) -> str:
    return f"trial {choice.trial}, {choice.held_out:.4f} held out, a regret of {choice.regret:.4f}"


# --- the picture of the set --------------------------------------------------------------------


def _rows(stored: Proxy) -> list[Row]:
    """A row for each corruption, a tile for each of its severities."""
    by_corruption = groupby(enumerate(stored.cells), key=lambda each: each[1].corruption)
    places = [[place for place, _ in each] for _, each in by_corruption]
    return [_row(stored, each, turn) for turn, each in enumerate(places)]


def _row(stored: Proxy, places: Sequence[int], turn: int) -> Row:
    """Images of these cells, all of one class where there are; classes take turns."""
    import numpy as np

    from bcauto.grid import Row

    classes = np.unique(stored.labels)
    tiles = [_tile(stored, place, classes[turn % len(classes)]) for place in places]
    cells = [stored.cells[place] for place in places]
    corruption, family = cells[0].corruption, cells[0].family
    held_out = " (held out)" if family in stored.held_out else ""
    severities = " ".join(str(cell.severity) for cell in cells)
    note = f"{family}, severity {severities}"
    return Row(f"{corruption}{held_out}", np.stack(tiles), note)


def _tile(stored: Proxy, place: int, label: int) -> Picture:
    """The first image of a class in a cell; where there is none, the first of any."""
    import numpy as np

    inside = np.flatnonzero(stored.cell == place)
    of_class = inside[stored.labels[inside] == label]
    picture: Picture = stored.images[(*of_class, *inside)[0]]
    return picture


# --- the picture of the trials -----------------------------------------------------------------

_HEIGHT, _WIDTH = 460, 520  # of a panel, in px
_TOP, _RIGHT, _BOTTOM, _LEFT = 64, 24, 60, 84  # from its border to the axes
_MOST_STEPS = 4  # from tick to tick, between the least and the most value
_WHITE, _BLACK, _GREY = (255,) * 3, (30,) * 3, (215,) * 3
_BLUE, _ORANGE = (31, 98, 168), (222, 105, 0)
_RADIUS = 5  # of a point


class _Axis(NamedTuple):
    """Where an axis begins and ends, and what stands at its ticks."""

    low: float
    high: float
    ticks: dict[float, str]


class _Panel(NamedTuple):
    """Points of two scores; ``marked`` is the place of the one that the first score chooses."""

    title: str
    note: str
    label: str
    x: list[float]
    y: list[float]
    marked: int | None


def _draw_validity(trials: Sequence[Best], found: Validity, unknown: str) -> Picture:
    """Two panels: held-out score over the objective, and over clean accuracy.

    ``unknown`` says why nothing is concluded where that is so.
    """
    import numpy as np

    from bcauto.study import comparable

    compared = comparable(trials)
    scores = {
        "objective": (found.objective, [trial.objective for trial in compared]),
        "clean accuracy": (found.clean_accuracy, [trial.clean_accuracy for trial in compared]),
    }
    held_out = [trial.held_out or 0.0 for trial in compared]
    numbers = [trial.number for trial in compared]
    panels = [
        _Panel(
            title=f"{label}: {_rho(worth) if worth.choice else unknown}",
            note=f"orange: {_outcome(worth.choice)}" if worth.choice else "",
            label=label,
            x=values,
            y=held_out,
            marked=numbers.index(worth.choice.trial) if worth.choice else None,
        )
        for label, (worth, values) in scores.items()
    ]
    return np.concatenate([_draw_panel(panel) for panel in panels], axis=1)


def _rho(worth: Worth) -> str:
    if worth.rho is None:
        return "equal scores, no rho"
    low, high = worth.rho.interval
    return f"rho {worth.rho.value:.2f} ({low:.2f} to {high:.2f})"


def _draw_panel(panel: _Panel) -> Picture:
    import numpy as np

    drawn: Picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    across, up = _axis(panel.x), _axis(panel.y)
    _draw_axes(drawn, across, up)
    _write(drawn, panel.title, 24, size=0.55)
    _write(drawn, panel.note, 46, size=0.42)
    _write(drawn, panel.label, _HEIGHT - 16, size=0.5)
    drawn = np.rot90(drawn, -1).copy()
    _write(drawn, "held-out score", 22, size=0.5, middle=(_BOTTOM + _HEIGHT - _TOP) // 2)
    drawn = np.rot90(drawn).copy()
    places = [_place(across, up, x, y) for x, y in zip(panel.x, panel.y, strict=True)]
    for place in places:
        _dot(drawn, place, _BLUE)
    if panel.marked is not None:
        _dot(drawn, places[panel.marked], _ORANGE)
    return drawn


def _axis(values: Sequence[float]) -> _Axis:
    """An axis around the values, with ticks at round numbers; 0 to 1 where there are none."""
    least, most = min(values, default=0.0), max(values, default=1.0)
    steps = (digit * 10.0**power for power in range(-3, 1) for digit in (1, 2, 5))
    step = next(step for step in steps if (most - least) / step <= _MOST_STEPS)
    first, last = math.floor(least / step), math.ceil(most / step)
    if first == last:
        first, last = first - 1, last + 1
    digits = max(0, -math.floor(math.log10(step)))
    ticks = {n * step: f"{n * step:.{digits}f}" for n in range(first, last + 1)}
    return _Axis(first * step, last * step, ticks)


def _place(across: _Axis, up: _Axis, x: float, y: float) -> tuple[int, int]:
    """Where a point is drawn, in px from the left and from the top."""
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    right = (x - across.low) / (across.high - across.low)
    above = (y - up.low) / (up.high - up.low)
    return _LEFT + round(right * width), _HEIGHT - _BOTTOM - round(above * height)


def _draw_axes(drawn: Picture, across: _Axis, up: _Axis) -> None:
    import cv2

    for x, text in across.ticks.items():
        bottom, top = (_place(across, up, x, y) for y in (up.low, up.high))
        cv2.line(drawn, bottom, top, _GREY)
        _write(drawn, text, bottom[1] + 20, size=0.42, middle=bottom[0])
    for y, text in up.ticks.items():
        left, right = (_place(across, up, x, y) for x in (across.low, across.high))
        cv2.line(drawn, left, right, _GREY)
        _write(drawn, text, left[1] + 5, size=0.42, middle=left[0] - 28)
    bottom_left = _place(across, up, across.low, up.low)
    cv2.rectangle(drawn, bottom_left, _place(across, up, across.high, up.high), _BLACK)


def _dot(drawn: Picture, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    import cv2

    cv2.circle(drawn, place, _RADIUS + 1, _WHITE, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(drawn, place, _RADIUS, colour, cv2.FILLED, cv2.LINE_AA)


def _write(
    drawn: Picture,
    text: str,
    base: int,
    *,
    size: float,
    middle: int = (_LEFT + _WIDTH - _RIGHT) // 2,
) -> None:
    """Writes a line ``base`` px from the top, with its middle there from the left."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, _), _ = cv2.getTextSize(text, font, size, 1)
    start = (middle - width // 2, base)
    cv2.putText(drawn, text, start, font, size, _BLACK, 1, cv2.LINE_AA)
