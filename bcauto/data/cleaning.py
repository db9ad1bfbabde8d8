"""Drops exact duplicates, and pictures that are no member of any class."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_classes
from bcauto.data.labelled import Images, Labelled, Source

__all__ = ["MANY_COPIES", "Cleaning", "clean", "content_digests"]

MANY_COPIES = 10
"""So many copies of one picture make it an intruder: a data set repeats an image by accident once
or twice, but not ten times."""


@dataclass(frozen=True)
class Cleaning:
    """How many images were read, and how many of them dropped for what reason.

    ``duplicates`` counts the images dropped because an equal one stays, ``intruders`` the distinct
    pictures that were dropped whole, and ``intruder_copies`` how often they occurred. ``leaked``
    counts the training images dropped as near duplicates of images to score on, and ``joined``
    those that went over to validation for it.
    """

    read: int
    duplicates: int
    intruders: int
    intruder_copies: int
    leaked: int = 0
    joined: int = 0

    @property
    def kept(self) -> int:
        """How many images remain."""
        return self.read - self.duplicates - self.intruder_copies - self.leaked

    def summary(self) -> str:
        """One plain line for the screen."""
        dropped = []
        if self.duplicates:
            dropped.append(_counted(self.duplicates, "exact duplicate", "exact duplicates"))
        if self.intruders:
            pictures = _counted(self.intruders, "intruder picture", "intruder pictures")
            dropped.append(f"{self.intruder_copies} copies of {pictures}")
        if self.leaked:
            leaked = _counted(self.leaked, "near duplicate", "near duplicates")
            dropped.append(f"{leaked} of images to score on")
        kept = f"kept {self.kept}: dropped {_listed(dropped)}"
        if not dropped:
            kept = "kept all: no duplicates, no intruders"
        together = _counted(self.joined, "near duplicate", "near duplicates")
        joined = f"; {together} kept together, in validation" if self.joined else ""
        return f"read {self.read} images, {kept}{joined}"

    def as_dict(self) -> dict[str, int]:
        """The counts by name, for a TOML or JSON file."""
        return {
            "read": self.read,
            "kept": self.kept,
            "duplicates": self.duplicates,
            "intruders": self.intruders,
            "intruder_copies": self.intruder_copies,
            "leaked": self.leaked,
            "joined": self.joined,
        }


def clean(source: Source) -> tuple[Source, Cleaning]:
    """The source without duplicates and intruders, and what was dropped.

    Images are equal if all their pixels are. A picture that occurs under several labels, or
    ``MANY_COPIES`` times or more, is an intruder: all its copies go, in train and val together.
    Of other equal images the first stays; where val has one too, all of train's go.

    Raises:
        BadInput: cleaning leaves a class with too few images to be on both sides of a split.
    """
    digests = [content_digests(part.images) for part in source.parts]
    labels = [label for part in source.parts for label in part.labels.tolist()]
    intruders = _intruders([digest for part in digests for digest in part], labels)
    seen = set(intruders)
    kept = [_unseen(part, seen) for part in reversed(digests)][::-1]  # val first: it wins
    cleaned = _only(source, kept)
    copies = sum(digest in intruders for part in digests for digest in part)
    duplicates = len(labels) - copies - sum(map(len, kept))
    return cleaned, Cleaning(len(labels), duplicates, len(intruders), copies)


def content_digests(images: Images) -> list[bytes]:
    """A SHA-256 per image; equal for equal pixels, and in practice only for those."""
    return [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images]


def _intruders(digests: Sequence[bytes], labels: Sequence[int]) -> set[bytes]:
    copies = Counter(digests)
    kinds = Counter(digest for digest, _ in set(zip(digests, labels, strict=True)))
    return {digest for digest, n in copies.items() if n >= MANY_COPIES or kinds[digest] > 1}


def _unseen(digests: Iterable[bytes], seen: set[bytes]) -> NDArray[np.intp]:
    """Indices of the first image of each kind that is not in ``seen``, which then has it too."""
    kept = []
    for index, digest in enumerate(digests):
        if digest not in seen:
            seen.add(digest)
            kept.append(index)
    return np.array(kept, np.intp)


def _only(source: Source, kept: Sequence[NDArray[np.intp]]) -> Source:
    """The source with only the images that are kept; a part that keeps all is not copied."""
    train, *val = (part.labels[k] for part, k in zip(source.parts, kept, strict=True))
    where = "after cleaning dropped duplicates and intruders"
    check_classes(train, val[0] if val else None, source.class_names, where)
    parts = [_taken(part, k) for part, k in zip(source.parts, kept, strict=True)]
    return Source(parts[0], parts[1] if val else None, source.class_names)


def _taken(part: Labelled, kept: NDArray[np.intp]) -> Labelled:
    return part if len(kept) == len(part) else part.take(kept)


def _listed(words: Sequence[str]) -> str:
    """Words as English lists them, such as "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
