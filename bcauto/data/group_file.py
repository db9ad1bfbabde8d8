"""The column of a CSV file that has the group of each picture, such as its patient."""

from __future__ import annotations

from pathlib import Path

from bcauto.data.label_file import read_rows, read_table
from bcauto.data.text_table import Row
from bcauto.errors import BadInput

__all__ = ["find_group_column", "read_group_column"]

_COLUMNS = (
    "group", "patient", "subject", "donor", "individual", "animal", "case", "lesion", "specimen",
    "slide",
)  # fmt: skip
"""Names of columns that have groups, the coarsest first; also with "_id", "_name" and the like."""

_NAMED = 8  # columns that a message names


def find_group_column(file: Path, wanted: str | None = None) -> str | None:
    """Return the column ``wanted``, or else one that is called as groups are; None without one.

    Raises:
        BadInput: the file cannot be read.
    """
    header = read_rows(file)[0]
    if wanted is not None:
        return wanted if wanted in header else None
    return _group_column(header)


def read_group_column(file: Path, folder: Path, column: str | None) -> tuple[dict[Path, str], str]:
    """Return the group of each picture in ``folder`` that has one, and the column that says it.

    Args:
        file: a CSV file with a row for each picture, as ``--labels`` takes it.
        folder: the pictures.
        column: the column of the groups; None for one that is called as groups are, or the only
            one beside that of files.

    Raises:
        BadInput: the file cannot be read, the column cannot be told, or a picture is in two groups.
    """
    table = read_table(file, folder)
    others = [name for at, name in enumerate(table.header) if at != table.files]
    if column is None:
        column = others[0] if len(others) == 1 else _group_column(others)
    if column not in others:
        asked = f"has no column {column!r}" if column else "has no column 'group' or 'patient'"
        listed = ", ".join(map(repr, others[:_NAMED])) + (", ..." if len(others) > _NAMED else "")
        raise BadInput(
            f"{file}: {asked}, got {listed}: give the one that is meant as --groups {file}:COLUMN"
        )
    at = table.header.index(column)
    found: dict[Path, str] = {}
    for row in table.rows:
        picture = table.picture(row)
        if picture and row[at] and found.setdefault(picture, row[at]) != row[at]:
            raise BadInput(
                f"{file}: {row[table.files]!r} must be in one group, got {found[picture]!r} "
                f"and {row[at]!r}"
            )
    return found, column


def _group_column(names: Row) -> str | None:
    """Return the name that is one of those that groups have, the coarsest first."""
    words = {name: name.lower().replace("-", "_").replace(" ", "_") for name in names}
    for known in _COLUMNS:
        for name, word in words.items():
            if word.removesuffix("_id").removesuffix("id").removesuffix("_name") in (
                known,
                f"{known}s",
            ):
                return name
    return None
