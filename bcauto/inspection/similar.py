"""Pictures like one that the user names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.data.image_file import decode, read_header
from bcauto.data.labelled import Images
from bcauto.data.rules import ReadingRules
from bcauto.errors import BadInput
from bcauto.inspection.collection import Collection, Indices
from bcauto.inspection.features import Features

__all__ = ["Similar", "check_named", "cosines", "find_similar", "read_named"]


@dataclass(frozen=True, eq=False)
class Similar:
    """Pictures by their likeness to a named one, the most similar first.

    Attributes:
        named: what the user named: a file, or the number of a picture.
        number: of the named picture; None for a file.
        numbers: (n,) of all pictures but the named one.
        similarities: (n,) cosines, falling, -1 to 1.
        above: the least cosine of what counts as like it.
    """

    named: str
    number: int | None
    numbers: Indices
    similarities: NDArray[Any]
    above: float

    @property
    def count(self) -> int:
        """How many pictures are like it."""
        return int((self.similarities >= self.above).sum())


def check_named(like: str) -> None:
    """Refuse what is neither a number nor a picture's file, before any work.

    Raises:
        BadInput: it is none of both.
    """
    if like.isascii() and like.isdigit():
        return
    if not Path(like).is_file():
        rule = "--like must be the number of a picture, or a picture's file"
        raise BadInput(f"{rule}, got {like!r}, which is neither")
    read_header(Path(like))


def read_named(like: str, collection: Collection, rules: ReadingRules) -> int | Images:
    """Return the number of the named picture, or the picture (1, h, w, 3) that a file holds.

    Raises:
        BadInput: there is no such number.
    """
    if like.isascii() and like.isdigit():
        if int(like) >= len(collection):
            rule = f"--like must be a number from 0 to {len(collection) - 1}, or a picture's file"
            raise BadInput(f"{rule}, got {like}")
        return int(like)
    header = read_header(Path(like))
    size = collection.image_size
    return decode(Path(like), header.transparent, size, resize=rules.resize)[None]


def find_similar(
    like: str,
    picture: int | Images,
    features: Features,
    extract: Callable[[Images], Features],
    above: float,
) -> Similar:
    """Return all pictures by the cosine of their features to those of a picture.

    Args:
        like: what the user named.
        picture: its number, or its pixels.
        features: (n, d) of all pictures, standardised.
        extract: gives those of others.
        above: the least cosine of what counts as like it.
    """
    row = features[picture] if isinstance(picture, int) else extract(picture)[0]
    found = cosines(features, row)
    order = np.argsort(-found, kind="stable")
    number = picture if isinstance(picture, int) else None
    order = order[order != number] if number is not None else order
    return Similar(like, number, order, found[order], above)


def cosines(features: Features, row: NDArray[np.float32]) -> NDArray[Any]:
    """Return the cosines (n,) between features (n, d) and those of one picture (d,)."""
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(row)
    found: NDArray[Any] = features @ row / np.maximum(norms, 1e-12)
    return found
