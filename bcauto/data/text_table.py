"""The rows of a text file: separated by commas, semicolons, tabs or spaces."""

from __future__ import annotations

import codecs
import csv
import json
from contextlib import suppress
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["Row", "read_text_table"]

Row = list[str]

_DELIMITERS = (",", ";", "\t")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COMMENT = "#"
_MOST_BYTES = 2**28


def read_text_table(file: Path) -> list[Row]:
    """Return the rows of a file of at least two lines, without outer spaces and empty rows.

    Where the first line has no comma, semicolon or tab, columns are words, and lines that begin
    with ``#`` are comments. The text is UTF-8 or, as spreadsheets say at its beginning, UTF-16.

    Raises:
        BadInput: the file cannot be read, or is no such text; the message says what to do.
    """
    with refuse_unreadable(file):
        if file.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{file}: labels may take at most {_MOST_BYTES // 2**20} MiB")
        content = file.read_bytes()
    lines = _text(file, content).splitlines()
    if len(lines) < 2:
        raise BadInput(f"{file}: needs a row with file and label for each picture, got none")
    if lines[0].startswith(("{", "[")):
        with suppress(ValueError):
            json.loads(lines[0])
            raise BadInput(
                f"{file}: must be CSV, got JSON: save it with a column of files and one "
                "of labels, such as with pandas' to_csv(index=False)"
            )
    if not any(delimiter in lines[0] for delimiter in _DELIMITERS):
        rows = [line.split() for line in lines if not line.startswith(_COMMENT)]
        return [row for row in rows if row]
    delimiter = max(_DELIMITERS, key=lines[0].count)
    try:
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise BadInput(f"{file}: damaged ({error})") from None
    return [row for row in cells if any(row)]


def _text(file: Path, content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        text = "\0"
        reason = f" ({error.reason} at byte {error.start:,})"
    else:
        reason = ""
    if "\0" in text:
        raise BadInput(
            f'{file}: must be text in UTF-8{reason}: save it as "CSV UTF-8" from a spreadsheet'
        )
    return text
