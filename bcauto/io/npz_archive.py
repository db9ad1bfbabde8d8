"""The arrays of an npz file, whose headers are checked before their data is unpacked.

A few kilobytes of zip can unpack to gigabytes, and an array of objects is a pickle that can run
code. So shape and type are read first. They must agree with the size that the zip states, and that
size with what the file can hold.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["MAX_EXPANSION", "Archive", "Header", "open_archive"]

# Version 3 differs from 2 only in the encoding of field names, and arrays with fields are refused.
_READERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    (3, 0): npy.read_array_header_2_0,
}
_HEADER_BYTES = 2**16  # NumPy reads no header longer than 10,000 bytes
MAX_EXPANSION = 1100  # Deflate, which NumPy packs with, cannot pack more than 1032 bytes into one
_DIRECTORY_BYTES = 2**20  # enough for some ten thousand members
_NAMED, _NAME = 12, 60  # names in a message, and characters of each


class _Stream(io.BufferedReader):
    """A file to open a zip from; a list of members that is too long is refused."""

    opened = False

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.opened and size is not None and size > _DIRECTORY_BYTES:
            raise BadInput(
                f"{self.name}: a zip's list of members may take at most {_DIRECTORY_BYTES:,} "
                f"bytes, got {size:,}"
            )
        return super().read(size)


class Header(NamedTuple):
    """Shape and type of an array, as its header says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Archive:
    """An open npz file."""

    def __init__(self, path: Path, members: zipfile.ZipFile) -> None:
        self.path = path
        self._bytes = path.stat().st_size
        self._zip = members
        self._infos = {
            info.filename.removesuffix(".npy"): info
            for info in members.infolist()
            if info.filename.endswith(".npy")
        }

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the arrays, in the file's order."""
        return tuple(self._infos)

    @property
    def listed(self) -> str:
        """The first names in one line, for a message."""
        names = ", ".join(repr(key[:_NAME]) for key in self.keys[:_NAMED]) or "no arrays"
        return names + (", ..." if len(self.keys) > _NAMED else "")

    def where(self, key: str) -> str:
        """Return the beginning of a message about the array ``key``."""
        return f"{self.path}: {key!r}"

    def header(self, key: str) -> Header:
        """Return shape and type of the array ``key``; its data stays packed.

        Raises:
            BadInput: it is missing, holds Python objects, is longer or shorter than its header
                says, or would unpack to far more than it takes in the file.
        """
        if key not in self._infos:
            raise BadInput(f"{self.path}: must hold {key!r}, got {self.listed}")
        info = self._infos[key]
        self._check_expansion(key)
        with self._zip.open(info) as stream:
            head = io.BytesIO(stream.read(_HEADER_BYTES))
        try:
            shape, _, dtype = _READERS[npy.read_magic(head)](head)
        except Exception as error:  # NumPy parses it as Python and lets any error through
            raise BadInput(f"{self.where(key)}: damaged, its header cannot be read") from error
        start = head.tell()
        if dtype.hasobject:
            raise BadInput(
                f"{self.where(key)}: holds Python objects (a pickle), which are refused: save an "
                "array of numbers, or of texts with dtype=str"
            )
        if not dtype.itemsize or min(shape, default=0) < 0:
            raise BadInput(f"{self.where(key)}: damaged, no array is of {shape} {dtype}")
        if start + prod(shape) * dtype.itemsize != info.file_size:
            raise BadInput(
                f"{self.where(key)}: damaged, {shape} {dtype} does not fill {info.file_size} bytes"
            )
        return Header(shape, dtype)

    def _check_expansion(self, key: str) -> None:
        """Refuse an array that the file is too small to hold, before any of it is unpacked."""
        info = self._infos[key]
        packed = min(info.compress_size, self._bytes)
        if info.file_size > MAX_EXPANSION * packed:
            raise BadInput(
                f"{self.where(key)}: may unpack to at most {MAX_EXPANSION} times its packed size, "
                f"got {info.file_size:,} bytes from {packed:,}"
            )

    def read(self, key: str) -> NDArray[Any]:
        """Return the array ``key``, C-contiguous; check its ``header`` first."""
        with self._zip.open(self._infos[key]) as stream:
            return np.asarray(npy.read_array(stream, allow_pickle=False), order="C")

    def read_parts(self, key: str, rows: int) -> Iterator[NDArray[Any]]:
        """Yield the array ``key`` in parts of so many rows, the last of which may have fewer.

        Only one of them is in memory, but for an array in Fortran's order, whose rows lie apart.
        Check its ``header`` first.
        """
        with self._zip.open(self._infos[key]) as stream:
            shape, in_columns, dtype = _READERS[npy.read_magic(stream)](stream)
            whole = self.read(key) if in_columns else None
            for start in range(0, shape[0], rows):
                part = (min(rows, shape[0] - start), *shape[1:])
                if whole is None:
                    content = stream.read(prod(part) * dtype.itemsize)
                    yield np.frombuffer(content, dtype).reshape(part)
                else:
                    yield whole[start : start + rows]


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open the npz file at ``path``; a failure to read it becomes a ``BadInput`` of one line."""
    with refuse_unreadable(path), path.open("rb", buffering=0) as file:
        stream = _Stream(file)
        if not zipfile.is_zipfile(stream):
            raise BadInput(
                f"{path}: not an npz file (a zip of arrays), or cut short. "
                "Legal: an .npz file or a folder of class folders"
            )
        with zipfile.ZipFile(stream) as members:
            stream.opened = True
            yield Archive(path, members)
