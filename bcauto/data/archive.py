"""The arrays of an npz file, whose headers are checked before their data is unpacked.

A few kilobytes of zip can unpack to gigabytes, and an array of objects is a pickle that can run
code. So shape and type are read first, and what they promise must agree with the zip's own size.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bcauto.data.files import plain_errors
from bcauto.errors import BadInput

__all__ = ["Archive", "Header", "open_archive"]

# Version 3 differs from 2 only in the encoding of field names, and arrays with fields are refused.
_READERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    (3, 0): npy.read_array_header_2_0,
}


class Header(NamedTuple):
    """What an array's header says about it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Archive:
    """An open npz file."""

    def __init__(self, path: Path, members: zipfile.ZipFile) -> None:
        self.path = path
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

    def where(self, key: str) -> str:
        """How a message about the array ``key`` begins."""
        return f"{self.path}: {key!r}"

    def header(self, key: str) -> Header:
        """Shape and type of the array ``key``; its data stays packed.

        Raises:
            BadInput: it holds Python objects, or is longer or shorter than its header says.
        """
        info = self._infos[key]
        with self._zip.open(info) as stream:
            try:
                shape, _, dtype = _READERS[npy.read_magic(stream)](stream)
            except Exception as error:  # NumPy parses it as Python and lets any error through
                raise BadInput(f"{self.where(key)}: damaged, its header cannot be read") from error
            start = stream.tell()
        if dtype.hasobject:
            raise BadInput(f"{self.where(key)}: holds Python objects (a pickle), which are refused")
        if start + prod(shape) * dtype.itemsize != info.file_size:
            raise BadInput(
                f"{self.where(key)}: damaged, {shape} {dtype} does not fill {info.file_size} bytes"
            )
        return Header(shape, dtype)

    def read(self, key: str) -> NDArray[Any]:
        """The array ``key``, C-contiguous; check its ``header`` first."""
        with self._zip.open(self._infos[key]) as stream:
            return np.ascontiguousarray(npy.read_array(stream, allow_pickle=False))


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """The npz file at ``path``; every failure to read it becomes a one-line ``BadInput``."""
    with plain_errors(path), path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise BadInput(
                f"{path}: not an npz file (a zip of arrays), or cut short. "
                "Legal: an .npz file or a folder of class folders"
            )
        with zipfile.ZipFile(stream) as members:
            yield Archive(path, members)
