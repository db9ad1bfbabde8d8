"""What a ``.keras`` file may hold, looked at before Keras makes anything of it.

The file is a zip with a description of the model and its weights. Keras' safe mode runs no code
that is in the file; this also keeps out code that happens to be registered or installed here, and
what would unpack to far more than the file holds.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bcauto.archive import MAX_EXPANSION
from bcauto.errors import BadInput
from bcauto.unreadable import plain_errors

__all__ = ["Description", "look_into"]

_CONFIG = "config.json"
_CONFIG_BYTES = 2**25  # the largest networks' are about a megabyte
_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}


class Description(NamedTuple):
    """What a file says its model is, and how many bytes of weights it brings."""

    config: dict[str, Any]
    weights: int


def look_into(file: Path) -> Description:
    """The description of a model of Keras' own layers, none of which holds code.

    Raises:
        BadInput: it is not, or would unpack to far more than the file holds.
    """
    if not zipfile.is_zipfile(file):
        raise BadInput(f"{file}: not a Keras model that can be loaded (not a .keras zip)")
    with plain_errors(file), zipfile.ZipFile(file) as archive:
        _check_sizes(file, archive)
        config = json.loads(archive.read(_CONFIG)) if _CONFIG in archive.namelist() else None
        weights = sum(info.file_size for info in archive.infolist() if info.filename != _CONFIG)
    if not isinstance(config, dict):
        raise BadInput(f"{file}: not a Keras model that can be loaded (no {_CONFIG})")
    for kind in _kinds(config):
        module, name = kind.get("module"), kind["class_name"]
        ours = module is None or module == "builtins" or f"{module}.".startswith("keras.")
        if name in _CODE or not ours:
            got = f"{module}.{name}" if module else name
            raise BadInput(
                f"{file}: not a Keras model that can be loaded: it must be of Keras' own layers, "
                f"without Lambda or other code, got {got[:100]!r}"
            )
    return Description(config, weights)


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


def _kinds(tree: Any) -> Iterator[dict[str, Any]]:
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
