"""Draws the points of two scores in a panel with axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from bcauto.plots.grid import Picture

__all__ = ["Panel", "draw_panel"]

_HEIGHT, _WIDTH = 460, 520  # of a panel, in px
_TOP, _RIGHT, _BOTTOM, _LEFT = 64, 24, 60, 84  # from its border to the axes
_MOST_STEPS = 4  # between ticks, from the smallest to the largest value
_WHITE, _BLACK, _GREY = (255,) * 3, (30,) * 3, (215,) * 3
_BLUE, _ORANGE = (31, 98, 168), (222, 105, 0)
_RADIUS = 5  # of a point


class _Axis(NamedTuple):
    """Where an axis begins and ends, and what stands at its ticks."""

    low: float
    high: float
    ticks: dict[float, str]


class Panel(NamedTuple):
    """Points of two scores; ``marked`` is the index of the point to highlight, if any."""

    title: str
    note: str
    label: str
    side: str
    x: list[float]
    y: list[float]
    marked: int | None


def draw_panel(panel: Panel) -> Picture:
    """Draw the panel as an RGB picture, (h, w, 3) uint8."""
    drawn: Picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    across, up = _axis(panel.x), _axis(panel.y)
    _draw_axes(drawn, across, up)
    _write(drawn, panel.title, 24, size=0.55)
    _write(drawn, panel.note, 46, size=0.42)
    _write(drawn, panel.label, _HEIGHT - 16, size=0.5)
    drawn = np.rot90(drawn, -1).copy()
    _write(drawn, panel.side, 22, size=0.5, middle=(_BOTTOM + _HEIGHT - _TOP) // 2)
    drawn = np.rot90(drawn).copy()
    places = [_place(across, up, x, y) for x, y in zip(panel.x, panel.y, strict=True)]
    for place in places:
        _dot(drawn, place, _BLUE)
    if panel.marked is not None:
        _dot(drawn, places[panel.marked], _ORANGE)
    return drawn


def _axis(values: Sequence[float]) -> _Axis:
    """Return an axis around the values, with ticks at round numbers; 0 to 1 if there are none."""
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
    """Return where a point is drawn, in px from the left and from the top."""
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    right = (x - across.low) / (across.high - across.low)
    above = (y - up.low) / (up.high - up.low)
    return _LEFT + round(right * width), _HEIGHT - _BOTTOM - round(above * height)


def _draw_axes(drawn: Picture, across: _Axis, up: _Axis) -> None:
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
    """Write a line of text, ``base`` px from the top and centred ``middle`` px from the left."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, _), _ = cv2.getTextSize(text, font, size, 1)
    start = (middle - width // 2, base)
    cv2.putText(drawn, text, start, font, size, _BLACK, 1, cv2.LINE_AA)
