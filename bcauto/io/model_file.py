"""What a ``.keras`` file may hold, checked before Keras makes anything of it.

The file is a zip with a description of the model and its weights, which are HDF5. Keras itself
refuses Python code (safe mode), links to other places and files, and arrays of more than 4 GiB that
are not stored. This module refuses what Keras 3.15.1 lets pass: code that is registered or
installed here, arrays that the file does not hold in full, and zip members that unpack to far more
than the file holds.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from bcauto.errors import BadInput, first_line
from bcauto.io.npz_archive import MAX_EXPANSION
from bcauto.io.read_errors import refuse_unreadable

__all__ = [
    "CARD",
    "INPUT",
    "MANIFEST",
    "MODEL",
    "README",
    "Description",
    "class_tables",
    "file_digest",
    "find_model",
    "foreign_class",
    "read_description",
    "without_compile",
]

MODEL = "model.keras"
"""The file of an exported model, in its folder."""

MANIFEST = "manifest.json"
"""The file beside an exported model that says what it is and where it comes from."""

CARD, README = "MODEL_CARD.md", "README.md"
"""Beside an exported model: what it is for and what it scored, and how it is loaded."""

INPUT = "RGB, 0-255, (n, height, width, 3)"
"""What a model takes, in its manifest's words."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_CONFIG_BYTES = 2**25  # the largest networks' are about a megabyte
_CODE = {"Lambda", "JaxLayer", "FlaxLayer"}  # that safe mode lets pass with a function of Keras'

_PARTS = 2**15  # groups and arrays: the largest networks' weights have some eight thousand
_PATH = 1000  # bytes: HDF5 goes down into groups recursively
_REASON = 300  # characters: HDF5 and NumPy may quote what they read


class Description(NamedTuple):
    """The configuration of a file's model without its compile, and the bytes of its weights."""

    config: dict[str, Any]
    weights: int


def find_model(path: Path) -> Path:
    """Return the ``.keras`` file at a path, or in the folder of an exported model.

    Raises:
        BadInput: there is none.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file():
        raise BadInput(f"MODEL must be a .keras file or a folder with {MODEL}, got {path}")
    return file


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read_description(file: Path) -> Description:
    """Return the description of a model of Keras' own layers.

    Raises:
        BadInput: it has other layers or code, would unpack to far more than the file holds, or
            does not store its weights as Keras does.
    """
    if not zipfile.is_zipfile(file):
        raise BadInput(f"{file}: not a Keras model that can be loaded (not a .keras zip)")
    with refuse_unreadable(file), zipfile.ZipFile(file) as archive:
        _check_sizes(file, archive)
        config = json.loads(archive.read(_CONFIG)) if _CONFIG in archive.namelist() else None
        if not isinstance(config, dict):
            raise BadInput(f"{file}: not a Keras model that can be loaded (no {_CONFIG})")
        if got := foreign_class(config):
            raise BadInput(
                f"{file}: not a Keras model that can be loaded: it must be of Keras' own layers, "
                f"without Lambda or other code, got {got[:100]!r}"
            )
        return Description(without_compile(config), _weights(file, archive))


def foreign_class(config: dict[str, Any]) -> str | None:
    """Return the first class of a description that is not Keras' own, or holds code."""
    for table in class_tables(config):
        module, name = table.get("module"), table["class_name"]
        ours = module is None or module == "builtins" or f"{module}.".startswith("keras.")
        if name in _CODE or not ours:
            return f"{module}.{name}" if module else str(name)
    return None


def without_compile(config: dict[str, Any]) -> dict[str, Any]:
    """Remove from a description, in place, what its models were compiled with.

    Keras would make an optimizer and its variables of it.
    """
    for table in list(class_tables(config)):
        table.pop("compile_config", None)
    return config


def _check_sizes(file: Path, archive: zipfile.ZipFile) -> None:
    whole = file.stat().st_size
    for info in archive.infolist():
        most = MAX_EXPANSION * min(info.compress_size, whole)
        most = min(most, _CONFIG_BYTES) if info.filename == _CONFIG else most
        if info.file_size > most:
            raise BadInput(
                f"{file}: not a Keras model that can be loaded: {info.filename[:100]!r} may unpack "
                f"to at most {most:,} bytes, got {info.file_size:,}"
            )


def class_tables(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every table in a tree that names a class."""
    ahead = [tree]
    while ahead:
        inside = ahead.pop()
        if isinstance(inside, dict):
            if isinstance(inside.get("class_name"), str):
                yield inside
            ahead.extend(inside.values())
        elif isinstance(inside, list):
            ahead.extend(inside)


def _weights(file: Path, archive: zipfile.ZipFile) -> int:
    """Return the bytes of all arrays of the weights, none of which is read."""
    if _WEIGHTS not in archive.namelist():
        raise BadInput(f"{file}: not a Keras model that can be loaded (no {_WEIGHTS})")
    content = archive.read(_WEIGHTS)
    try:
        with h5py.File(io.BytesIO(content)) as stored:
            return _total(stored.id, len(content))
    except Exception as error:  # h5py raises whatever HDF5 and NumPy say
        reason = f"{_WEIGHTS}: {first_line(error)[:_REASON]}"
        raise BadInput(f"{file}: not a Keras model that can be loaded ({reason})") from None


def _total(stored: Any, most: int) -> int:
    """Return the bytes of all arrays in an open file.

    Raises:
        ValueError: they are more than ``most``, or an array is not stored as Keras stores it.
    """
    total = 0
    for path in _paths(stored):
        part = h5py.h5o.open(stored, path)
        if isinstance(part, h5py.h5d.DatasetID):
            _check_array(path, part)
            total += prod(part.shape or ()) * part.dtype.itemsize
        if total > most:
            got = f"{total:,} bytes up to {_shown(path)} and {most:,} in all"
            raise ValueError(f"its arrays must be in it, got {got}")
    return total


def _paths(stored: Any) -> list[bytes]:
    """Return the paths of all groups and arrays in an open file; links to others are left out.

    Raises:
        ValueError: there are too many, as in a group that contains itself, or one is too long.
    """
    paths: list[bytes] = []

    def visit(path: bytes) -> bool | None:
        paths.append(path)
        return len(path) > _PATH or len(paths) > _PARTS or None  # None goes on

    # In no order, or HDF5 would first collect them all, and tables can share their pages.
    h5py.h5o.visit(stored, visit, order=h5py.h5.ITER_NATIVE)
    longest = max(paths, key=len, default=b"")
    if len(longest) > _PATH:
        got = f"{len(longest):,}: {_shown(longest)}"
        raise ValueError(f"a path may take {_PATH:,} bytes, got {got}")
    if len(paths) > _PARTS:
        raise ValueError(f"it may hold {_PARTS:,} groups and arrays, got more")
    return paths


def _check_array(path: bytes, array: Any) -> None:
    """Raise ValueError if reading an array or its ``dtype`` could need more than is stored."""
    if array.get_create_plist().get_layout() != h5py.h5d.CONTIGUOUS:
        rule = "its arrays must be stored as they are (contiguous)"
        raise ValueError(f"{rule}, got another layout of {_shown(path)}")
    if array.dtype.hasobject:  # of no fixed length, so that many elements can share one content
        raise ValueError(f"its arrays must be of numbers, got {array.dtype} {_shown(path)}")
    if h5py.h5a.exists(array, b"dtype"):  # the one attribute that Keras reads
        attribute = h5py.h5a.open(array, b"dtype")
        if attribute.shape != () or not h5py.check_string_dtype(attribute.dtype):
            raise ValueError(f"an array's 'dtype' must be one text, got another {_shown(path)}")


def _shown(path: bytes) -> str:
    return repr(f"/{path.decode(errors='replace')}"[-100:])
