"""A text file of labels beside a folder of pictures: CSV with a row for each picture."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from bcauto.data.listing import all_pictures
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["read_label_file"]

_log = logging.getLogger(__name__)

_DELIMITERS = (",", ";", "\t")
_MOST_BYTES = 2**28
_LABEL_COLUMNS = (
    "label", "labels", "class", "class_name", "classname", "category", "target", "diagnosis", "dx",
    "species", "y",
)  # fmt: skip
_SEVERAL = ("|", "[")  # in a label that is a list of labels
_NAMED = 5  # files, columns or rows that a message names

Row = list[str]


def read_label_file(file: Path, folder: Path) -> dict[Path, str]:
    """Return the label of each picture in ``folder`` (at any depth) that ``file`` has a row for.

    The column of files is the one whose values are pictures in the folder: as a path, a name, or a
    name without its suffix. The column of labels is the only other one, or the one that is called
    ``label``, ``class``, ``target``, ``diagnosis`` or the like; without such a one, all others are
    one-hot: a column for each class, of 0 and 1. Columns are separated by comma, semicolon or tab.

    Rows without a label, and pictures without a row, are left out and counted in a warning.

    Raises:
        BadInput: the file cannot be read, a column cannot be told, a picture is missing, or one has
            several labels.
    """
    header, rows = _rows(file)
    pictures = _by_name(folder)
    hits = [[row[at] for row in rows if _key(row[at]) in pictures] for at in range(len(header))]
    files = max(range(len(header)), key=lambda at: (len(hits[at]), len({*hits[at]})))
    if not hits[files]:
        raise BadInput(
            f"{file}: no column names pictures of {folder}, got {_shortened(header)}: "
            "give the folder that the names begin in as --data"
        )
    if _key(header[files]) in pictures:  # there is no header
        rows, header = [header, *rows], [f"column {at + 1}" for at in range(len(header))]
    labels = _labels(file, header, rows, files)
    found = _matched(file, folder, pictures, [row[files] for row in rows], labels)
    left_out = len({*pictures.values()} - {*found} - {None})
    unlabelled = labels.count("")
    if left_out or unlabelled:
        _log.warning(
            "%s: left out %d pictures without a row and %d rows without a label",
            *(file, left_out, unlabelled),
        )
    return found


def _rows(file: Path) -> tuple[Row, list[Row]]:
    """Return the first row and the others, all of one length and without outer spaces."""
    with refuse_unreadable(file):
        if file.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{file}: labels may take at most {_MOST_BYTES // 2**20} MiB")
        text = file.read_text(encoding="utf-8-sig")
    lines = text.splitlines()
    if len(lines) < 2:
        raise BadInput(f"{file}: needs a row with file and label for each picture, got none")
    delimiter = max(_DELIMITERS, key=lines[0].count)
    try:
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise BadInput(f"{file}: damaged ({error})") from None
    header, *rows = [row for row in cells if any(row)]
    if len(header) < 2:
        raise BadInput(f"{file}: needs a column of files and one of labels, got {header[0]!r} only")
    for at, row in enumerate(rows, start=2):
        if len(row) != len(header):
            got = f"got {len(row)} in row {at}"
            raise BadInput(f"{file}: must have {len(header)} columns in every row, {got}")
    return header, rows


def _by_name(folder: Path) -> dict[str, Path | None]:
    """Return the pictures by path, name and bare name; None where several have the same name."""
    found: dict[str, Path | None] = {}
    pictures = all_pictures(folder)
    for picture in pictures:
        path = picture.relative_to(folder)
        for name in {str(path.as_posix()), path.name, path.stem, str(path.with_suffix(""))}:
            found[_key(name)] = None if _key(name) in found else picture
    for picture in pictures:  # a whole path is clear in any case
        found[_key(picture.relative_to(folder).as_posix())] = picture
    return found


def _key(name: str) -> str:
    """Return a name as it is looked up: paths may be written in the way of Windows."""
    return name.replace("\\", "/").removeprefix("./").strip("/")


def _labels(file: Path, header: Row, rows: Sequence[Row], files: int) -> list[str]:
    """Return the label of each row; "" where there is none."""
    others = [column for column in range(len(header)) if column != files]
    names = [header[column].lower() for column in others]
    column = others[0] if len(others) == 1 else None
    for name in _LABEL_COLUMNS:
        if column is None and name in names:
            column = others[names.index(name)]
    if column is None:
        return _one_hot(file, header, rows, others)
    labels = [row[column] for row in rows]
    several = next((label for label in labels if any(sign in label for sign in _SEVERAL)), None)
    if several is not None:
        raise BadInput(
            f"{file}: must have one class for each picture, got {several!r}: a multi-label data "
            "set, which bcauto does not train on"
        )
    return labels


def _one_hot(file: Path, header: Row, rows: Sequence[Row], columns: Sequence[int]) -> list[str]:
    """Return the name of the column that is 1 in each row."""
    values = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
    if any(row[column] not in values for row in rows for column in columns):
        raise BadInput(
            f"{file}: cannot tell which column has the labels, call it label; "
            f"got {_shortened([header[column] for column in columns])}"
        )
    ones = [[column for column in columns if values[row[column]]] for row in rows]
    others = sum(len(row) != 1 for row in ones)
    if others:
        raise BadInput(
            f"{file}: must have one class for each picture, got several or none in {others} of "
            f"{len(rows)} rows: a multi-label data set, which bcauto does not train on"
        )
    return [header[row[0]] for row in ones]


def _matched(
    file: Path,
    folder: Path,
    pictures: Mapping[str, Path | None],
    names: Sequence[str],
    labels: Sequence[str],
) -> dict[Path, str]:
    """Return the label of each picture that is named."""
    named = [(name, label) for name, label in zip(names, labels, strict=True) if label]
    missing = [name for name, _ in named if _key(name) not in pictures]
    if missing:
        raise BadInput(
            f"{file}: {len(missing)} of {len(named)} pictures are not in {folder} "
            f"({_shortened(missing)}): give the folder of all of them as --data, or take their "
            "rows away"
        )
    found: dict[Path, str] = {}
    for name, label in named:
        picture = pictures[_key(name)]
        if picture is None:
            raise BadInput(
                f"{file}: several pictures in {folder} are called {name!r}: give the folder of "
                "those that are meant as --data, or their paths in it"
            )
        if found.setdefault(picture, label) != label:
            raise BadInput(
                f"{file}: {name!r} must have one label, got {found[picture]!r}, {label!r}"
            )
    return found


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
