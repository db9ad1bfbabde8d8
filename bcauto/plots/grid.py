"""Draws a grid of pictures, in rows with a title each, and writes pictures to files."""

from __future__ import annotations

import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.errors import BadInput, NothingUsable
from bcauto.io.files import atomic_write

__all__ = [
    "SUFFIXES",
    "Picture",
    "Row",
    "check_picture_path",
    "draw_grid",
    "drawable",
    "write_picture",
]

Picture: TypeAlias = NDArray[np.uint8]
"""(h, w, 3) uint8 RGB."""

SUFFIXES = {".png": 1_000_000, ".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
"""The suffixes that a picture's file may have, with the longest side of its format in px.

PNG and WebP are written without loss.
"""

_LEAST_SIDE, _MOST_SIDE = 96, 160  # of a tile's longer side as drawn, in px
_MARGIN, _GAP = 10, 3  # around everything, and between tiles, in px
_BACKGROUND = 250
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_NOTE_LETTERS = 28  # in a line of a note


class Row(NamedTuple):
    """One row: its title, its tiles (n, h, w, 3) uint8 RGB, a note in smaller letters.

    Title and note must be ``drawable``.
    """

    title: str
    tiles: NDArray[np.uint8]
    note: str = ""


class _Letters(NamedTuple):
    """How a line of text looks; ``grey`` is 0 (black) to 255."""

    scale: float
    grey: int


_TITLE, _NOTE = _Letters(0.5, 25), _Letters(0.4, 90)


def drawable(text: str) -> str:
    """Return a text in ASCII, since OpenCV draws no other letters: they become question marks."""
    return text.encode("ascii", "replace").decode("ascii")


def draw_grid(rows: Sequence[Row]) -> Picture:
    """Draw all rows in one picture, with their titles in a column on the left.

    A tile whose longer side is below 96 px is enlarged by the smallest whole factor that brings it
    there, each pixel as a square; one above 160 px is reduced to that; others keep their pixels.

    Raises:
        BadInput: there is no tile, or tiles differ in size.

    """
    sizes = {row.tiles.shape[1:] for row in rows}
    columns = max((len(row.tiles) for row in rows), default=0)
    if len(sizes) != 1 or columns == 0:
        raise BadInput(f"a grid needs tiles, all of one size, got {columns} of {sorted(sizes)}")
    captions = [_caption(row) for row in rows]
    tiles = [[_fitted(tile) for tile in row.tiles] for row in rows]
    height, width = next(tile.shape[:2] for row in tiles for tile in row)
    heights = [max(height, caption.shape[0]) for caption in captions]
    left = 2 * _MARGIN + max(caption.shape[1] for caption in captions)
    grid = _blank(
        2 * _MARGIN + sum(heights) + _GAP * (len(rows) - 1),
        left + columns * (width + _GAP) - _GAP + _MARGIN,
    )
    top = _MARGIN
    for caption, row, room in zip(captions, tiles, heights, strict=True):
        _paste(grid, caption, top + (room - caption.shape[0]) // 2, _MARGIN)
        for column, tile in enumerate(row):
            _paste(grid, tile, top + (room - height) // 2, left + column * (width + _GAP))
        top += room + _GAP
    return grid


def check_picture_path(path: Path) -> None:
    """Check, before any work, that ``write_picture`` will be able to write ``path``.

    Raises:
        BadInput: its suffix is not a picture's, it is a folder, or its folder cannot be written to.

    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"a picture's name must end in {', '.join(SUFFIXES)}, got {path}")
    try:
        if path.is_dir():
            raise BadInput(f"a picture must be a file, got the folder {path}")
        with tempfile.TemporaryFile(dir=path.parent):  # fails for root too, unlike os.access
            pass
    except OSError as error:
        rule = f"{path}: its folder must be there and be writable"
        raise BadInput(f"{rule}, got {path.parent} ({_reason(error)})") from None


def write_picture(path: Path, picture: Picture) -> None:
    """Write (h, w, 3) uint8 RGB in the format of the suffix, whole or not at all.

    Raises:
        BadInput: see ``check_picture_path``.
        NothingUsable: the picture is too large for its format, or cannot be written, for example
            to a full disk.

    """
    check_picture_path(path)
    data = _encoded(path, picture)
    try:
        with atomic_write(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise NothingUsable(f"{path}: cannot be written ({_reason(error)})") from None


def _caption(row: Row) -> Picture:
    """Draw title and note, line below line, in a picture as large as they need."""
    note = textwrap.wrap(row.note, _NOTE_LETTERS, break_on_hyphens=False)
    lines = [(row.title, _TITLE), *((line, _NOTE) for line in note)]
    sizes = [_text_size(text, letters) for text, letters in lines]
    caption = _blank(sum(height for height, _ in sizes), max(width for _, width in sizes))
    top = 0
    for (text, letters), (height, _) in zip(lines, sizes, strict=True):
        base, colour = (0, top + round(0.75 * height)), (letters.grey,) * 3
        cv2.putText(caption, text, base, _FONT, letters.scale, colour, 1, cv2.LINE_AA)
        top += height
    return caption


def _text_size(text: str, letters: _Letters) -> tuple[int, int]:
    """Return the height of a line, the same for every text, and the width of this one; in px."""
    (_, height), below = cv2.getTextSize("Ag", _FONT, letters.scale, 1)
    (width, _), _ = cv2.getTextSize(text, _FONT, letters.scale, 1)
    return round(1.2 * (height + below)), width + 2  # for the soft edge of the last letter


def _fitted(tile: Picture) -> Picture:
    """Return the tile at the size at which it is drawn."""
    longer = max(tile.shape[:2])
    if longer > _MOST_SIDE:
        height, width = (max(1, round(side * _MOST_SIDE / longer)) for side in tile.shape[:2])
        return cast(Picture, cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA))
    factor = -(-_LEAST_SIDE // longer)
    return tile.repeat(factor, axis=0).repeat(factor, axis=1)


def _blank(height: int, width: int) -> Picture:
    return np.full((height, width, 3), _BACKGROUND, np.uint8)


def _paste(grid: Picture, part: Picture, top: int, left: int) -> None:
    height, width = part.shape[:2]
    grid[top : top + height, left : left + width] = part


def _encoded(path: Path, picture: Picture) -> bytes:
    suffix, (height, width) = path.suffix.lower(), picture.shape[:2]
    if max(height, width) > SUFFIXES[suffix]:
        size = f"{width} x {height} px"
        raise NothingUsable(f"{path}: {suffix} holds {SUFFIXES[suffix]} px a side, got {size}")
    _, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
