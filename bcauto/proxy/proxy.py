"""The proxy itself: corrupted validation images, where each comes from, and their file."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt

from bcauto.errors import BadInput, did_you_mean
from bcauto.io.files import writing
from bcauto.io.npz_archive import Archive, open_archive
from bcauto.proxy.config import CorruptionAtSeverity
from bcauto.proxy.metrics import Metric
from bcauto.proxy.objective import Objective

__all__ = ["Proxy"]

Integers = npt.NDArray[np.int64]

_ARRAYS = ("images", "labels", "base", "cell", "probe")
_WORDS = {"objective": get_args(Objective), "metric": get_args(Metric)}
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, BadInput)


@dataclass(frozen=True, eq=False)
class Proxy:
    """The corrupted validation set that trials are scored on; made by ``make_proxy``.

    ``images`` is (m, h, w, 3) uint8 and ``labels`` (m,) int64. ``base`` (m,) int64 is each image's
    place among the validation images, ``cell`` (m,) int64 its place in ``cells``. Cells of the
    ``held_out`` families are part of the set, but never of the objective nor of the probe.
    ``probe`` (n,) int64 picks one copy of each of the n validation images, spread evenly over the
    other cells and, within a class, over them as well: it is scored at every epoch, and the whole
    set at a trial's end. ``metric`` is what a cell is scored by, and ``objective`` what becomes of
    the scores of the other cells. A user's own images (``with_own``) count as base images that
    follow the validation images, and the probe has its share of them. The arrays are not to be
    written to.
    """

    images: npt.NDArray[np.uint8]
    labels: Integers
    base: Integers
    cell: Integers
    probe: Integers
    cells: tuple[CorruptionAtSeverity, ...]
    held_out: tuple[str, ...]
    objective: Objective = "mean_of_cells"
    metric: Metric = "accuracy"

    @property
    def base_images(self) -> int:
        """How many images the copies were made of, a user's own included."""
        return int(self.base.max()) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of everything in the proxy; computed once."""
        digest = hashlib.sha256()
        for name, array in self._stored().items():
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Writes an uncompressed npz file; a reader sees the old file or the whole new one."""
        with writing(path) as partial, partial.open("wb") as file:
            np.savez(file, fingerprint=np.array(self.fingerprint), **self._stored())

    @classmethod
    def load(cls, path: Path) -> Self:
        """What ``save`` wrote; BadInput where the file is missing, damaged or something else."""
        try:
            with open_archive(path) as archive:
                stored = _checked_arrays(archive)
            proxy = cls._from_stored(stored)
            expected = str(stored["fingerprint"])
        except _UNREADABLE as error:
            raise BadInput(
                f"a proxy must be a file that bcauto saved, got {path}: {error}"
            ) from error
        if proxy.fingerprint != expected:
            raise BadInput(
                f"a proxy must match its own fingerprint; {path} was changed since saved"
            )
        return proxy

    def _stored(self) -> dict[str, Any]:
        """Every field as an array that needs no pickle to be written."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays["cells"] = np.array([cell.name for cell in self.cells], dtype=np.str_)
        arrays["held_out"] = np.array(self.held_out, dtype=np.str_)
        arrays |= {name: np.array(getattr(self, name)) for name in _WORDS}
        return arrays

    @classmethod
    def _from_stored(cls, stored: Mapping[str, Any]) -> Self:
        _check_arrays(stored)
        arrays = {name: stored[name] for name in _ARRAYS}
        cells = tuple(CorruptionAtSeverity.named(name) for name in stored["cells"].tolist())
        words = {name: _word(name, str(stored[name])) for name in _WORDS}
        return cls(**arrays, **words, cells=cells, held_out=tuple(stored["held_out"].tolist()))


def _check_arrays(stored: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raises ValueError where the arrays do not fit each other as ``make_proxy``'s do."""
    images, count = stored["images"], len(stored["images"])
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or not count:
        raise ValueError(f"images must be (m, h, w, 3) uint8, got {images.shape} {images.dtype}")
    for name in ("cells", "held_out"):
        if stored[name].ndim != 1 or (stored[name].size and stored[name].dtype.kind != "U"):
            raise ValueError(f"{name} must be a list of texts, got {stored[name].dtype}")
    ends = {"labels": count, "base": count, "cell": len(stored["cells"]), "probe": count}
    for name, end in ends.items():
        array = stored[name]
        if array.dtype != np.int64 or array.ndim != 1 or (name != "probe" and len(array) != count):
            raise ValueError(f"{name} must be whole numbers, got {array.shape} {array.dtype}")
        if array.size and not 0 <= array.min() <= array.max() < end:
            raise ValueError(f"{name} must be in 0..{end - 1}, got {array.min()}..{array.max()}")


def _checked_arrays(archive: Archive) -> dict[str, npt.NDArray[Any]]:
    """Every array that ``save`` writes; their headers are checked before any is unpacked."""
    keys = (*_ARRAYS, "cells", "held_out", *_WORDS, "fingerprint")
    for key in keys:
        archive.header(key)
    return {key: archive.read(key) for key in keys}


def _word(name: str, word: str) -> Any:
    if word not in _WORDS[name]:
        raise BadInput(f"unknown {name} {word!r}; {did_you_mean(word, _WORDS[name])}")
    return word
