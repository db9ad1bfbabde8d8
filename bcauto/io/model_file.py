"""What a ``.keras`` file may hold, looked at before Keras makes anything of it.

The file is a zip with a description of the model and its weights, which are HDF5. Keras' safe mode
runs no code that is in the file; this also keeps out code that happens to be registered or
installed here, what would unpack to far more than the file holds, and what is in other files.
"""

from __future__ import annotations

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
    "INPUT",
    "MODEL",
    "Description",
    "class_tables",
    "find_model",
    "foreign_class",
    "read_description",
    "without_compile",
]

MODEL = "model.keras"
"""The file of an exported model, in its folder."""

INPUT = "RGB, 0-255, (n, height, width, 3)"
"""What a model takes, in its manifest's words."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_CONFIG_BYTES = 2**25  # the largest networks' are about a megabyte
_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}

_PARTS = 2**15  # groups and arrays: the largest networks' weights have some eight thousand
_PATH = 1000  # bytes: HDF5 keeps the whole path of every group that is open
_LAYOUTS = {
    h5py.h5d.COMPACT: "compact",
    h5py.h5d.CHUNKED: "chunked",
    h5py.h5d.VIRTUAL: "virtual",
}
_REASON = 300  # characters: HDF5 and NumPy may quote what they read


class Description(NamedTuple):
    """What a file says its model is, not compiled, and how many bytes its weights take."""

    config: dict[str, Any]
    weights: int


def find_model(path: Path) -> Path:
    """The ``.keras`` file that is meant by its path or by its folder's.

    Raises:
        BadInput: there is none.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file():
        raise BadInput(f"MODEL must be a .keras file or a folder with {MODEL}, got {path}")
    return file


def read_description(file: Path) -> Description:
    """The description of a model of Keras' own layers, none of which holds code.

    Raises:
        BadInput: it is not, would unpack to far more than the file holds, or holds its weights in
            another way than Keras does, such as packed or in other files.
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
    """The first class that a description names and that is not Keras' own, or holds code."""
    for table in class_tables(config):
        module, name = table.get("module"), table["class_name"]
        ours = module is None or module == "builtins" or f"{module}.".startswith("keras.")
        if name in _CODE or not ours:
            return f"{module}.{name}" if module else str(name)
    return None


def without_compile(config: dict[str, Any]) -> dict[str, Any]:
    """The description without what its models were compiled with, taken out in place.

    It would make an optimizer and its variables.
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
    """Every table in a tree that names a class."""
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
    """How many bytes the weights take, which the file does hold; none of them is read here."""
    if _WEIGHTS not in archive.namelist():
        raise BadInput(f"{file}: not a Keras model that can be loaded (no {_WEIGHTS})")
    content = archive.read(_WEIGHTS)
    try:
        with h5py.File(io.BytesIO(content)) as stored:
            return _total(stored, len(content))
    except Exception as error:  # h5py raises whatever HDF5 and NumPy say
        reason = f"{_WEIGHTS}: {first_line(error)[:_REASON]}"
        raise BadInput(f"{file}: not a Keras model that can be loaded ({reason})") from None


def _total(stored: Any, most: int) -> int:
    """The bytes of all arrays.

    Raises:
        ValueError: they are more than ``most``, or not stored as Keras stores them.
    """
    total = 0
    for path, array in _arrays(h5py.h5g.open(stored.id, b"/")):
        _check_storage(path, array)
        total += prod(array.shape or ()) * array.dtype.itemsize
        if total > most:
            raise ValueError(
                f"its arrays must be in it, got {total:,} bytes up to {_shown(path)} and "
                f"{most:,} in all"
            )
    return total


def _arrays(top: Any) -> Iterator[tuple[bytes, Any]]:
    """Every array below a group, with its path.

    Raises:
        ValueError: there is something else, or another way to it, or too much of it.
    """
    ahead: list[tuple[bytes, Any]] = [(b"", top)]
    seen: set[int] = set()
    while ahead:
        above, group = ahead.pop()
        for name in _names(above, group, seen):
            path, part = above + b"/" + name, h5py.h5o.open(group, name)
            if isinstance(part, h5py.h5g.GroupID):
                ahead.append((path, part))
            elif isinstance(part, h5py.h5d.DatasetID):
                yield path, part
            else:
                raise ValueError(f"it must hold groups and arrays, not types, got {_shown(path)}")


def _names(above: bytes, group: Any, seen: set[int]) -> list[bytes]:
    """The names in a group, all of them of what is in this file and not ``seen`` before."""
    names: list[bytes] = []
    broken: list[str] = []

    def keep(name: bytes, link: Any) -> bool:  # h5py garbles what is raised in here
        rule = _broken_rule(above, name, link, seen)
        if rule:
            broken.append(rule)
        else:
            seen.add(link.u)  # its address
            names.append(name)
        return bool(rule)  # which ends it

    # In no order, or HDF5 would first collect them all, and tables can share their pages.
    group.links.iterate(keep, info=True, order=h5py.h5.ITER_NATIVE)
    if broken:
        raise ValueError(broken[0])
    return names


def _broken_rule(above: bytes, name: bytes, link: Any, seen: set[int]) -> str | None:
    path = above + b"/" + name
    if len(path) > _PATH:
        return f"a path may take {_PATH:,} bytes, got {len(path):,}: {_shown(path)}"
    if link.type != h5py.h5l.TYPE_HARD or b"/" in name:  # HDF5 would follow links along such a name
        return f"it must hold no links, got {_shown(path)}"
    if link.u in seen:  # a circle would have no end
        return f"nothing in it may have two names, got {_shown(path)} as well"
    if len(seen) == _PARTS:
        return f"it may hold {_PARTS:,} groups and arrays, got more"
    return None


def _check_storage(path: bytes, array: Any) -> None:
    """Raises ValueError unless reading the array takes as much as is stored, and from this file."""
    plan = array.get_create_plist()
    layout = plan.get_layout()
    if layout != h5py.h5d.CONTIGUOUS or plan.get_external_count():
        got = _LAYOUTS.get(layout, "external")
        raise ValueError(
            f"its arrays must be stored as they are (contiguous), got {got} {_shown(path)}"
        )
    if array.dtype.hasobject:  # what has no fixed length lies elsewhere, once for many elements
        raise ValueError(f"its arrays must be of numbers, got {array.dtype} {_shown(path)}")
    if h5py.h5a.exists(array, b"dtype"):  # the one attribute that Keras reads
        attribute = h5py.h5a.open(array, b"dtype")
        one_text = attribute.shape == () and h5py.check_string_dtype(attribute.dtype)
        if not one_text:
            raise ValueError(f"an array's 'dtype' must be one text, got another {_shown(path)}")


def _shown(path: bytes) -> str:
    return repr(path[-100:].decode(errors="replace"))
