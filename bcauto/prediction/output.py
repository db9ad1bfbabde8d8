"""Writes predictions as CSV, npz or Parquet, batch by batch; a file is whole or not there."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bcauto.errors import BadInput
from bcauto.io.files import atomic_write
from bcauto.io.new_output import check_new_file

__all__ = ["check_output", "columns", "open_output", "rows"]

Probabilities = NDArray[np.float32]
Write = Callable[[Sequence[str], Probabilities], None]
"""Adds pictures: their names, and their probabilities (n, classes)."""


def check_output(path: Path) -> None:
    """Check, before any work, that ``open_output`` will be able to write ``path``.

    Raises:
        BadInput: its suffix is not a known format's, the format needs a package that is missing,
            something is there already, or its folder cannot be written to.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise BadInput(f"--out must end in {', '.join(_FORMATS)}, got {path}")
    if suffix == ".parquet" and find_spec("pyarrow") is None:
        raise BadInput(
            f"--out {path} needs pyarrow, which is not installed: pip install 'bcauto[parquet]'"
        )
    check_new_file(path)


@contextmanager
def open_output(path: Path, class_names: Sequence[str]) -> Iterator[Write]:
    """Yield a function that adds predictions to a file, which appears when the context is closed.

    After an error there is no file.
    """
    kind = _FORMATS[path.suffix.lower()]
    with atomic_write(path) as partial, kind(partial, class_names) as write:
        yield write


def columns(class_names: Sequence[str]) -> list[str]:
    """Return the titles of a table of predictions: file, class, and ``p_`` before each class."""
    return ["file", "class", *(f"p_{name}" for name in class_names)]


def rows(
    names: Sequence[str], probabilities: Probabilities, class_names: Sequence[str]
) -> Iterator[list[str]]:
    """Yield the row of each picture as text, probabilities with seven digits."""
    labels = probabilities.argmax(axis=1).tolist()
    for name, label, row in zip(names, labels, probabilities.tolist(), strict=True):
        yield [name, class_names[label], *(f"{value:.7g}" for value in row)]


@contextmanager
def _csv(path: Path, class_names: Sequence[str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns(class_names))
        yield lambda names, found: table.writerows(rows(names, found, class_names))


@contextmanager
def _npz(path: Path, class_names: Sequence[str]) -> Iterator[Write]:
    """Keep names and probabilities until the end: a zip's arrays are written in one piece."""
    files: list[str] = []
    parts: list[Probabilities] = []

    def write(names: Sequence[str], found: Probabilities) -> None:
        files.extend(names)
        parts.append(found)

    yield write
    probabilities = np.concatenate(parts)
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            files=np.array(files, np.str_),
            labels=probabilities.argmax(axis=1).astype(np.int64),
            probabilities=probabilities,
            class_names=np.array(class_names, np.str_),
        )


@contextmanager
def _parquet(path: Path, class_names: Sequence[str]) -> Iterator[Write]:
    import pyarrow as pa  # an extra
    import pyarrow.parquet as pq

    titles = columns(class_names)
    kinds = [pa.string(), pa.string(), *[pa.float32()] * len(class_names)]
    schema = pa.schema(list(zip(titles, kinds, strict=True)))
    with pq.ParquetWriter(path, schema) as file:

        def write(names: Sequence[str], found: Probabilities) -> None:
            classes = [class_names[label] for label in found.argmax(axis=1)]
            arrays = [list(names), classes, *found.T]
            file.write_table(pa.table(dict(zip(titles, arrays, strict=True)), schema=schema))

        yield write


_FORMATS: dict[str, Callable[[Path, Sequence[str]], AbstractContextManager[Write]]] = {
    ".csv": _csv,
    ".npz": _npz,
    ".parquet": _parquet,
}
