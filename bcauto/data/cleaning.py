"""Drops exact duplicates, and intruders: pictures that belong to no class."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_classes
from bcauto.data.labelled import Images, ImageSet

__all__ = ["MANY_COPIES", "Cleaning", "clean", "content_digests", "find_intruders"]

MANY_COPIES = 10
"""Copies from which a picture is an intruder, times as many as are usual in its class: by accident,
a data set repeats an image once or twice, but not ten times."""


@dataclass(frozen=True)
class Cleaning:
    """How many images were read, and how many were dropped or moved for what reason.

    Attributes:
        read: all images.
        duplicates: images dropped because an equal one stays.
        intruders: distinct pictures of which every copy was dropped.
        intruder_copies: how many copies these had.
        leaked: training images dropped as near duplicates of images to score on.
        joined: images that are in validation as near duplicates of others there.
        damaged: the names of pictures that were not read, and left out.
        shared: training images dropped since their group is among the validation images.
        intruder_digests: the SHA-256 of each intruder.

    """

    read: int
    duplicates: int
    intruders: int
    intruder_copies: int
    leaked: int = 0
    joined: int = 0
    damaged: tuple[str, ...] = ()
    shared: int = 0
    intruder_digests: tuple[bytes, ...] = field(default=(), repr=False, compare=False)

    @property
    def kept(self) -> int:
        """How many images remain."""
        return self.read - self.duplicates - self.intruder_copies - self.leaked - self.shared

    def summary(self) -> str:
        """Return one line for the screen."""
        dropped = []
        if self.duplicates:
            dropped.append(_counted(self.duplicates, "exact duplicate", "exact duplicates"))
        if self.intruders:
            pictures = _counted(self.intruders, "intruder picture", "intruder pictures")
            dropped.append(f"{self.intruder_copies} copies of {pictures}")
        if self.leaked:
            leaked = _counted(self.leaked, "near duplicate", "near duplicates")
            dropped.append(f"{leaked} of images to score on")
        if self.shared:
            dropped.append(f"{self.shared} of groups that validate")
        kept = f"kept {self.kept}: dropped {_listed(dropped)}"
        if not dropped:
            kept = "kept all: no duplicates, no intruders"
        together = _counted(self.joined, "near duplicate", "near duplicates")
        joined = f"; {together} kept together, in validation" if self.joined else ""
        damaged = f"; left out {len(self.damaged)} damaged" if self.damaged else ""
        return f"read {self.read} images, {kept}{joined}{damaged}"

    def as_dict(self) -> dict[str, int | list[str]]:
        """Return the counts by name, for a TOML or JSON file, and the names of damaged pictures."""
        return {
            "read": self.read,
            "kept": self.kept,
            "duplicates": self.duplicates,
            "intruders": self.intruders,
            "intruder_copies": self.intruder_copies,
            "leaked": self.leaked,
            "joined": self.joined,
            **({"damaged": [*self.damaged]} if self.damaged else {}),
            **({"shared": self.shared} if self.shared else {}),
        }


def clean(image_set: ImageSet) -> tuple[ImageSet, Cleaning]:
    """Return the images without duplicates and intruders, and what was dropped.

    Images are equal if all their pixels are. A picture that occurs under several labels, or
    ``MANY_COPIES`` times as often as the median picture of its class, is an intruder: all its
    copies are dropped, in train and val together. (In a class that was oversampled by copying, many
    copies are usual.) Of other equal images the first stays; if val has one too, those of train are
    dropped.

    Raises:
        BadInput: cleaning leaves a class with too few images to be on both sides of a split.

    """
    digests = [content_digests(part.images) for part in image_set.parts]
    labels = [label for part in image_set.parts for label in part.labels.tolist()]
    intruders = find_intruders([digest for part in digests for digest in part], labels)
    seen = set(intruders)
    kept = [_unseen(part, seen) for part in reversed(digests)][::-1]  # val first, as its copy stays
    cleaned = _only(image_set, kept)
    copies = sum(digest in intruders for part in digests for digest in part)
    duplicates = len(labels) - copies - sum(map(len, kept))
    cleaning = Cleaning(
        len(labels), duplicates, len(intruders), copies, intruder_digests=tuple(sorted(intruders))
    )
    return cleaned, cleaning


def content_digests(images: Images) -> list[bytes]:
    """Return a SHA-256 for each image; equal for equal pixels, and in practice for no others."""
    return [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images]


def find_intruders(digests: Sequence[bytes], labels: Sequence[int]) -> set[bytes]:
    """Return the digests of intruders, by the rule of ``clean``, from each image's own."""
    copies = Counter(digests)
    by_label: dict[int, set[bytes]] = {}
    for digest, label in zip(digests, labels, strict=True):
        by_label.setdefault(label, set()).add(digest)
    classes = Counter(digest for of_class in by_label.values() for digest in of_class)
    intruders = {digest for digest, count in classes.items() if count > 1}
    for of_class in by_label.values():
        usual = median_low(copies[digest] for digest in of_class)
        intruders |= {digest for digest in of_class if copies[digest] >= MANY_COPIES * usual}
    return intruders


def _unseen(digests: Iterable[bytes], seen: set[bytes]) -> NDArray[np.intp]:
    """Return the index of the first image of each digest not in ``seen``, and add these to it."""
    kept = []
    for index, digest in enumerate(digests):
        if digest not in seen:
            seen.add(digest)
            kept.append(index)
    return np.array(kept, np.intp)


def _only(image_set: ImageSet, kept: Sequence[NDArray[np.intp]]) -> ImageSet:
    """Return the images at the kept indices of each part; a part that keeps all is not copied."""
    train, *val = (part.labels[k] for part, k in zip(image_set.parts, kept, strict=True))
    where = "after cleaning dropped duplicates and intruders"
    check_classes(train, val[0] if val else None, image_set.class_names, where)
    parts = [
        part if len(k) == len(part) else part.take(k)
        for part, k in zip(image_set.parts, kept, strict=True)
    ]
    return replace(image_set, train=parts[0], val=parts[1] if val else None, files=None)


def _listed(words: Sequence[str]) -> str:
    """Return words as English lists them, such as "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
