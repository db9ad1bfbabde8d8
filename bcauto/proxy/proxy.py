"""The proxy: corrupted validation images, where each comes from, and their file."""

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
from bcauto.io.files import atomic_write
from bcauto.io.npz_archive import open_archive
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.proxy.metrics import Metric
from bcauto.proxy.objective import Objective, read_objective, stored_objective

__all__ = ["Integers", "Proxy"]

Integers = npt.NDArray[np.int64]

# The keys of the file, which are also what the fingerprint is made of. "cell" and "cells" are the
# fields ``corruption`` and ``corruptions``: their names from before, which stored proxies have.
_KEYS = (
    *("images", "labels", "base", "cell", "probe"),
    *("cells", "held_out", "objective", "metric", "fingerprint"),
)
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, BadInput)


@dataclass(frozen=True, eq=False)
class Proxy:
    """The corrupted validation set that trials are scored on; made by ``make_proxy``.

    The arrays must not be written to.

    Attributes:
        images: (m, h, w, 3) uint8 RGB, the corrupted copies.
        labels: (m,) int64, their classes.
        base: (m,) int64, the index of the validation image that each copy is made of. A user's own
            images (``with_own``) count as validation images that follow the others.
        corruption: (m,) int64, what each copy was corrupted by: indices into ``corruptions``.
        probe: (n,) int64, the indices of one copy of each of the n validation images, spread evenly
            over the corruptions that are not held out, also within a class. The probe is scored at
            every epoch, and the whole set at a trial's end.
        corruptions: each of them at a severity.
        held_out: the families that count neither for the objective nor for the probe.
        objective: what is made of the scores of the corruptions that are not held out.
        metric: what each corruption at a severity is scored by.

    """

    images: npt.NDArray[np.uint8]
    labels: Integers
    base: Integers
    corruption: Integers
    probe: Integers
    corruptions: tuple[CorruptionAtSeverity, ...]
    held_out: tuple[str, ...]
    objective: Objective = "mean_of_corruptions"
    metric: Metric = "accuracy"

    @property
    def base_images(self) -> int:
        """How many images the copies were made of, a user's own included."""
        return int(self.base.max()) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything in the proxy; computed once."""
        digest = hashlib.sha256()
        for key, array in self._stored().items():
            digest.update(f"{key} {array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write an uncompressed npz file; a reader sees the old file or the whole new one."""
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez(file, fingerprint=np.array(self.fingerprint), **self._stored())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the proxy that ``save`` wrote.

        Raises:
            BadInput: the file is missing, damaged, changed, or something else.

        """
        try:
            with open_archive(path) as archive:
                for key in _KEYS:
                    archive.header(key)  # all are checked before any array is unpacked
                stored = {key: archive.read(key) for key in _KEYS}
            proxy = cls._from_stored(stored)
            expected = str(stored["fingerprint"])
        except _UNREADABLE as error:
            raise BadInput(
                f"a proxy must be a file that bcauto saved, got {path}: {error}"
            ) from error
        if proxy.fingerprint != expected:
            raise BadInput(
                f"a proxy must match its own fingerprint; {path} was changed since it was saved"
            )
        return proxy

    def _stored(self) -> dict[str, Any]:
        """Return every field by its key in the file, as an array that is stored without pickle."""
        return {
            "images": self.images,
            "labels": self.labels,
            "base": self.base,
            "cell": self.corruption,
            "probe": self.probe,
            "cells": np.array([each.name for each in self.corruptions], dtype=np.str_),
            "held_out": np.array(self.held_out, dtype=np.str_),
            "objective": np.array(stored_objective(self.objective)),
            "metric": np.array(self.metric),
        }

    @classmethod
    def _from_stored(cls, stored: Mapping[str, npt.NDArray[Any]]) -> Self:
        _check_arrays(stored)
        return cls(
            images=stored["images"],
            labels=stored["labels"],
            base=stored["base"],
            corruption=stored["cell"],
            probe=stored["probe"],
            corruptions=tuple(map(CorruptionAtSeverity.named, stored["cells"].tolist())),
            held_out=tuple(stored["held_out"].tolist()),
            objective=_known("objective", read_objective(str(stored["objective"])), Objective),
            metric=_known("metric", str(stored["metric"]), Metric),
        )


def _check_arrays(stored: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise ValueError where the arrays do not fit each other as ``make_proxy``'s do."""
    images, count = stored["images"], len(stored["images"])
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or not count:
        raise ValueError(f"images must be (m, h, w, 3) uint8, got {images.shape} {images.dtype}")
    for key in ("cells", "held_out"):
        if stored[key].ndim != 1 or (stored[key].size and stored[key].dtype.kind != "U"):
            raise ValueError(f"{key} must be a list of texts, got {stored[key].dtype}")
    ends = {"labels": count, "base": count, "cell": len(stored["cells"]), "probe": count}
    for key, end in ends.items():
        array = stored[key]
        if array.dtype != np.int64 or array.ndim != 1 or (key != "probe" and len(array) != count):
            raise ValueError(f"{key} must be whole numbers, got {array.shape} {array.dtype}")
        if array.size and not 0 <= array.min() <= array.max() < end:
            raise ValueError(f"{key} must be in 0..{end - 1}, got {array.min()}..{array.max()}")


def _known(key: str, word: str, known: Any) -> Any:
    """Return ``word``, which must be one of the Literal ``known``."""
    if word not in get_args(known):
        raise BadInput(f"unknown {key} {word!r}; {did_you_mean(word, get_args(known))}")
    return word
