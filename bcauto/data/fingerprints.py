"""Which pictures a model has seen, as hashes of their pixels, so that others can be told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from bcauto.data.cleaning import content_digests
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Images
from bcauto.errors import BadInput
from bcauto.io.files import atomic_write
from bcauto.io.npz_archive import open_archive

__all__ = ["FINGERPRINTS", "Part", "PictureFingerprints"]

FINGERPRINTS = "fingerprints.npz"
"""The file's name, in a study's folder and beside an exported model."""

Part = Literal["train", "val", "intruder"]
"""What a picture was for: trained on, validated on, or dropped as one that belongs to no class."""

_BYTES = 16  # of each SHA-256: two pictures in a billion share them with a chance of 1 in 10^20
_Hashes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PictureFingerprints:
    """The first 16 bytes of the SHA-256 of each picture at the model's size.

    Attributes:
        by_part: (n, 16) uint8 of each part.
    """

    by_part: dict[Part, _Hashes]

    @classmethod
    def of(cls, data: Dataset) -> Self:
        """Return those of a data set."""
        return cls(
            {
                "train": _hashes(content_digests(data.train.images)),
                "val": _hashes(content_digests(data.val.images)),
                "intruder": _hashes(data.cleaning.intruder_digests),
            }
        )

    def save(self, path: Path) -> None:
        """Write an npz file with an array for each part, whole or not at all."""
        arrays: dict[str, Any] = dict(self.by_part.items())
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return what ``save`` wrote.

        Raises:
            BadInput: the file is damaged, or something else.
        """
        parts: tuple[Part, ...] = get_args(Part)
        with open_archive(path) as archive:
            for part in parts:
                shape, dtype = archive.header(part)
                if len(shape) != 2 or shape[1] != _BYTES or dtype != np.uint8:
                    rule = f"must be (n, {_BYTES}) uint8"
                    raise BadInput(f"{archive.where(part)}: {rule}, got {shape} {dtype}")
            return cls({part: archive.read(part) for part in parts})

    def find(self, images: Images) -> list[Part | None]:
        """Return which part each picture was in; None for one that was in none.

        Only pictures that equal in every pixel are found.

        Args:
            images: (n, h, w, 3) uint8 at the size of the data set, resized as it was.
        """
        return self.find_digests(content_digests(images))

    def find_digests(self, digests: Sequence[bytes]) -> list[Part | None]:
        """Return the same for pictures whose SHA-256 are known."""
        known: dict[bytes, Part] = {
            row.tobytes(): part for part, rows in self.by_part.items() for row in rows
        }
        return [known.get(digest[:_BYTES]) for digest in digests]

    def places(self, part: Part, digests: Sequence[bytes]) -> list[int | None]:
        """Return where each picture of a part is first among others; None where it is not.

        Args:
            part: in whose order they are.
            digests: the SHA-256 of the others.
        """
        first: dict[bytes, int] = {}
        for place, digest in enumerate(digests):
            first.setdefault(digest[:_BYTES], place)
        return [first.get(row.tobytes()) for row in self.by_part[part]]


def _hashes(digests: list[bytes] | tuple[bytes, ...]) -> _Hashes:
    short = b"".join(digest[:_BYTES] for digest in digests)
    return np.frombuffer(short, np.uint8).reshape(-1, _BYTES)
