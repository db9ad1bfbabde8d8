"""A text file of labels beside a folder of pictures: CSV with a row for each picture."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bcauto.data.label_values import (
    check_single,
    find_part_column,
    parts_of_rows,
    without_decimals,
)
from bcauto.data.listing import all_pictures
from bcauto.data.parts import Part
from bcauto.data.text_table import Row, read_text_table
from bcauto.errors import BadInput

__all__ = ["LabelFile", "PictureTable", "read_label_file", "read_rows", "read_table"]

_log = logging.getLogger(__name__)

_LABEL_COLUMNS = (
    "label", "labels", "class", "class_name", "classname", "category", "target", "diagnosis", "dx",
    "species", "y",
)  # fmt: skip
_NAMED = 5  # files, columns or rows that a message names


class LabelFile(NamedTuple):
    """The label of each picture, and the part that it is for; no parts where the file says none."""

    labels: dict[Path, str]
    parts: dict[Path, str]

    def of_part(self, part: Part) -> dict[Path, str]:
        """Return the label of each picture of a part; of every picture where there are no parts."""
        if not self.parts:
            return self.labels
        return {path: label for path, label in self.labels.items() if self.parts[path] == part}


class PictureTable(NamedTuple):
    """The header and the rows of a file, the column of files, and the pictures by name."""

    header: Row
    rows: list[Row]
    files: int
    pictures: dict[str, Path | None]

    def picture(self, row: Row) -> Path | None:
        """Return the picture that a row names; None where there is none, or are several."""
        return self.pictures.get(_key(row[self.files]))


def read_label_file(file: Path, folder: Path) -> LabelFile:
    """Return the label of each picture in ``folder`` (at any depth) that ``file`` has a row for.

    The column of files is the one whose values are pictures in the folder: as a path, a name, or a
    name without its suffix. The column of labels is the only other one, or the one that is called
    ``label``, ``class``, ``target``, ``diagnosis`` or the like; without such a one, all others are
    one-hot: a column for each class, of 0 and 1. A column called ``split``, ``is_valid`` or the
    like says for which part of the data a picture is. See ``bcauto.data.text_table`` for the text.

    Rows without a label or part, and pictures without a row, are left out and counted in a warning.

    Raises:
        BadInput: the file cannot be read, a column cannot be told, a picture is missing, or one has
            several labels.
    """
    header, rows, files, pictures = read_table(file, folder)
    column = find_part_column(file, header, rows)
    labels = _labels(file, header, rows, {files, column})
    parts = [""] * len(rows)
    if column is not None:
        parts = parts_of_rows(file, header, rows, column)
        labels = [label if part else "" for label, part in zip(labels, parts, strict=True)]
    kept = [at for at, label in enumerate(labels) if label]
    names = [rows[at][files] for at in kept]
    named = _named_pictures(file, folder, pictures, names)
    rows_of = [*zip(named, names, strict=True)]
    found = _by_picture(file, rows_of, [labels[at] for at in kept], "must have one label")
    of_part = _by_picture(file, rows_of, [parts[at] for at in kept], "must be in one part")
    left_out = len({*pictures.values()} - {*found} - {None})
    unlabelled = labels.count("")
    if left_out or unlabelled:
        _log.warning(
            "%s: left out %d pictures without a row and %d rows without a label",
            *(file, left_out, unlabelled),
        )
    return LabelFile(found, of_part if column is not None else {})


def read_table(file: Path, folder: Path) -> PictureTable:
    """Return a table with a row for each picture in ``folder``.

    Raises:
        BadInput: the file cannot be read, or no column names pictures.
    """
    header, rows = read_rows(file)
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
    return PictureTable(header, rows, files, pictures)


def read_rows(file: Path) -> tuple[Row, list[Row]]:
    """Return the first row and the others, all of one length and without outer spaces."""
    header, *rows = read_text_table(file)
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
    paths = [_key(picture.relative_to(folder).as_posix()) for picture in pictures]
    once = Counter(paths)
    clear = [
        (path, picture) for path, picture in zip(paths, pictures, strict=True) if once[path] == 1
    ]
    return found | dict(clear)  # whatever else is called as a whole path


def _key(name: str) -> str:
    """Return a name as it is looked up: in any case, and paths maybe in the way of Windows."""
    return name.replace("\\", "/").removeprefix("./").strip("/").casefold()


def _labels(
    file: Path, header: Row, rows: Sequence[Row], taken: Collection[int | None]
) -> list[str]:
    """Return the label of each row, of columns that are not taken; "" where there is none."""
    others = [column for column in range(len(header)) if column not in taken]
    names = [header[column].lower() for column in others]
    column = others[0] if len(others) == 1 else None
    for name in _LABEL_COLUMNS:
        if column is None and name in names:
            column = others[names.index(name)]
    if column is None:
        return _one_hot(file, header, rows, others)
    labels = without_decimals([row[column] for row in rows])
    check_single(file, labels)
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


def _named_pictures(
    file: Path, folder: Path, pictures: Mapping[str, Path | None], names: Sequence[str]
) -> list[Path]:
    """Return the picture of each name."""
    missing = [name for name in names if _key(name) not in pictures]
    if missing:
        raise BadInput(
            f"{file}: {len(missing)} of {len(names)} pictures are not in {folder} "
            f"({_shortened(missing)}): give the folder of all of them as --data, or take their "
            "rows away"
        )
    found = []
    for name in names:
        picture = pictures[_key(name)]
        if picture is None:
            raise BadInput(
                f"{file}: several pictures in {folder} are called {name!r}: give the folder of "
                "those that are meant as --data, or their paths in it"
            )
        found.append(picture)
    return found


def _by_picture(
    file: Path, named: Sequence[tuple[Path, str]], values: Sequence[str], rule: str
) -> dict[Path, str]:
    """Return the value of each picture, which its rows must agree on."""
    found: dict[Path, str] = {}
    for (picture, name), value in zip(named, values, strict=True):
        if found.setdefault(picture, value) != value:
            raise BadInput(f"{file}: {name!r} {rule}, got {found[picture]!r}, {value!r}")
    return found


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
