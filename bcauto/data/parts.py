"""What the folders of a data set are called: parts to train and test on, pictures, their masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

__all__ = ["Part", "holds_masks", "holds_pictures", "is_version", "part_named", "split_masks"]

Part = Literal["train", "val", "test"]
"""What a part of a data set is for: to train on, to validate on, or to evaluate on."""

_PARTS: dict[Part, str] = {
    "train": r"train(ing)?",
    "val": r"val(id|idate|idation)?|dev",
    "test": r"test(ing)?[a-c]?",
}
_PICTURES = frozenset({"images", "image", "imgs", "img", "pictures", "photos", "data"})
_FILLERS = _PICTURES | {"set", "dataset", "split", "seg"}
_MASKS = frozenset({
    "mask", "masks", "seg", "segmentation", "segmentations", "annotation", "annotations", "trimap",
    "trimaps", "gt", "groundtruth",
})  # fmt: skip
_VERSIONS = frozenset({
    "original", "originals", "raw", "color", "colour", "coloured", "gray", "grey", "grayscale",
    "greyscale", "segmented", "augmented", "cropped", "resized", "processed", "preprocessed",
    "normalized", "normalised", "enhanced",
})  # fmt: skip
_MASK_OF = re.compile(rf"(.+?)[ _-]+({'|'.join(_MASKS)}|ground_truth)([ _-]*\d+)?", re.IGNORECASE)


def part_named(name: str) -> Part | None:
    """Return the part that a folder's name means, if any: one of its words, and no other word."""
    words = [word for word in _words(name) if word not in _FILLERS]
    for part, pattern in _PARTS.items():
        if len(words) == 1 and re.fullmatch(rf"({pattern})(set|data)?\d*", words[0]):
            return part
    return None


def holds_pictures(name: str) -> bool:
    """Return whether a folder's name says only that it holds pictures, such as ``images``."""
    words = _words(name)
    return bool(words) and {*words} <= _PICTURES


def holds_masks(name: str) -> bool:
    """Return whether a folder's name says that it holds masks or annotations of pictures."""
    words = _words(name.lower().replace("ground_truth", "gt"))
    return bool(words) and {*words} <= _MASKS


def is_version(name: str) -> bool:
    """Return whether a folder's name says how pictures were processed, such as ``grayscale``."""
    words = [word for word in _words(name) if word not in _FILLERS]
    return bool(words) and {*words} <= _VERSIONS


def split_masks(stems: Sequence[str]) -> list[bool]:
    """Return which of the pictures in a folder, by their stems, are masks of others there.

    Such are ``x_mask``, ``x_mask_1`` and ``x_segmentation`` beside ``x``.
    """
    known = {stem.lower() for stem in stems}
    found = [_MASK_OF.fullmatch(stem.lower()) for stem in stems]
    return [bool(match and match[1] in known) for match in found]


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name.lower()) if word]
