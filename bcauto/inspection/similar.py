"""Pictures like one that the user names."""

from __future__ import annotations

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

__all__ = ["Named", "Similar", "check_named", "cosines", "find_similar", "read_named"]


@dataclass(frozen=True, eq=False)
class Named:
    """A picture to find others like it.

    Attributes:
        text: as the user named it: a number or a file.
        above: the least cosine of what counts as like it.
        number: of the picture; None for a file.
        picture: (1, h, w, 3) uint8 of the file; None for a number.
    """

    text: str
    above: float
    number: int | None
    picture: Images | None


@dataclass(frozen=True, eq=False)
class Similar:
    """Pictures by their likeness to a named one, the most similar first.

    Attributes:
        named: the picture that they are compared with.
        numbers: (n,) of all pictures but the named one.
        similarities: (n,) cosines, falling, -1 to 1.
    """

    named: Named
    numbers: Indices
    similarities: NDArray[Any]

    @property
    def count(self) -> int:
        """How many pictures are like it."""
        return int((self.similarities >= self.named.above).sum())


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


def read_named(like: str, above: float, collection: Collection, rules: ReadingRules) -> Named:
    """Return the named picture.

    Raises:
        BadInput: there is no such number.
    """
    if not (like.isascii() and like.isdigit()):
        header = read_header(Path(like))
        size = collection.image_size
        picture = decode(Path(like), header.transparent, size, resize=rules.resize)
        return Named(like, above, None, picture[None])
    if int(like) >= len(collection):
        rule = f"--like must be a number from 0 to {len(collection) - 1}, or a picture's file"
        raise BadInput(f"{rule}, got {like}")
    return Named(like, above, int(like), None)


def find_similar(
    named: Named, features: Features, own: NDArray[np.float32] | None = None
) -> Similar:
    """Return all pictures by the cosine of their features to those of the named one.

    Args:
        named: the picture.
        features: (n, d) of all pictures, standardised.
        own: (d,) of the named picture, where it is a file.
    """
    row = features[named.number] if own is None else own
    found = cosines(features, row)
    order = np.argsort(-found, kind="stable")
    if named.number is not None:
        order = order[order != named.number]
    return Similar(named, order, found[order])


def cosines(features: Features, row: NDArray[np.float32]) -> NDArray[Any]:
    """Return the cosines (n,) between features (n, d) and those of one picture (d,)."""
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(row)
    found: NDArray[Any] = features @ row / np.maximum(norms, 1e-12)
    return found
