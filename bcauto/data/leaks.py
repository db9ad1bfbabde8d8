"""Train and validation sides without leaks: no picture is on both, neither exactly nor nearly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_classes
from bcauto.data.cleaning import content_digests
from bcauto.data.labelled import Images, ImageSet, Labelled
from bcauto.data.near_duplicates.groups import near_duplicate_groups
from bcauto.data.near_duplicates.pairs import near_duplicates
from bcauto.data.split import VALIDATION_FRACTION, nearest_to_fraction, stratified_split
from bcauto.errors import BadInput
from bcauto.seeds import generator

__all__ = [
    "Leaks",
    "split_without_leaks",
    "train_without_leaks",
    "without_near_duplicates_of",
]

Leaks = Literal["refuse", "drop"]
"""What to do with training images that are near duplicates of images to score on, where the user
gave both: refuse the data, or drop these training images."""

_NAMED = 5  # pairs, or images, that a refusal names


def split_without_leaks(
    whole: Labelled, names: Sequence[str], seed: int
) -> tuple[Labelled, Labelled, int]:
    """Split images into train and val, with near duplicates on the same side.

    A tenth of each class is sampled. Each sampled image stands for its group: the image with all
    its near duplicates, whatever their labels. Of these groups as many go to validation as come
    closest to a tenth of each class.

    Args:
        whole: all images, no two of them equal.
        names: the classes.
        seed: the study's seed, which the split depends on.

    Returns:
        Train, val, and how many images are in val as near duplicates of others there.

    Raises:
        BadInput: a class has too few images, or all of them are near duplicates of each other.

    """
    labels = whole.labels
    digests = content_digests(whole.images)
    _, sampled = stratified_split(labels, digests, VALIDATION_FRACTION, seed)
    groups = near_duplicate_groups(whole.images, sampled)
    rng = generator(seed, "split", "groups")
    chosen = nearest_to_fraction(labels, groups, VALIDATION_FRACTION, rng)
    val = np.sort(np.concatenate([groups[at] for at in chosen] or [np.array([], np.intp)]))
    missing = np.setdiff1d(labels, labels[val])
    if missing.size:
        raise BadInput(
            "a class needs two pictures or more that are no near duplicates of each other, one to "
            f"train on and one to validate on, got one of {names[int(missing[0])]!r}: give more "
            "images of it, or others"
        )
    train = np.setdiff1d(np.arange(len(whole)), val)
    return whole.take(train), whole.take(val), len(val) - len(chosen)


def train_without_leaks(
    image_set: ImageSet, as_read: ImageSet, leaks: Leaks, where: str
) -> tuple[Labelled, int]:
    """Return the training images that are no near duplicates of the set's validation images.

    Args:
        image_set: the cleaned images, with validation images.
        as_read: the same before cleaning, for the indices in a refusal.
        leaks: whether to refuse near duplicates or to drop them from the training images.
        where: the file, for a refusal.

    Returns:
        The training images, and how many were dropped.

    Raises:
        BadInput: near duplicates are refused, or dropping them leaves none of a class.

    """
    train, val = image_set.parts
    pairs = near_duplicates(train.images, val.images)
    if pairs and leaks == "refuse":
        all_train, all_val = as_read.parts
        named = [
            f"train {_index(all_train.images, train.images[a])}"
            f" and val {_index(all_val.images, val.images[b])}"
            for a, b in pairs[:_NAMED]
        ]
        more = ", ..." if len(pairs) > _NAMED else ""
        count = f"{len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}"
        raise BadInput(
            f"{where}: no training image may be a near duplicate of a validation image, "
            f"got {count} ({', '.join(named)}{more}): mend the file, "
            "or give --leaks drop to leave these training images out"
        )
    return _without(train, pairs, image_set.class_names, where)


def without_near_duplicates_of(
    images: Images, train: Labelled, names: Sequence[str], leaks: Leaks, where: str
) -> tuple[Labelled, int]:
    """Return the training images that are no near duplicates of images from another file.

    Args:
        images: (m, h, w, 3) uint8 of the other file, which models are scored on.
        train: the training images, of the same size.
        names: the classes.
        leaks: whether to refuse near duplicates or to drop them from the training images.
        where: the other file, for a refusal.

    Returns:
        The training images, and how many were dropped.

    Raises:
        BadInput: near duplicates are refused, or dropping them leaves none of a class.

    """
    pairs = near_duplicates(train.images, images)
    if pairs and leaks == "refuse":
        found = sorted({index for _, index in pairs})
        named = ", ".join(map(str, found[:_NAMED])) + (", ..." if len(found) > _NAMED else "")
        raise BadInput(
            f"{where}: no image to score on may be a near duplicate of a training image, got "
            f"{len(found)} (numbers {named}): mend the file, "
            "or give --leaks drop to leave the training images out"
        )
    return _without(train, pairs, names, where)


def _without(
    train: Labelled, pairs: Sequence[tuple[int, int]], names: Sequence[str], where: str
) -> tuple[Labelled, int]:
    """Return the training images without those of the pairs, and how many these are."""
    if not pairs:
        return train, 0
    kept = np.setdiff1d(np.arange(len(train)), [in_train for in_train, _ in pairs])
    after = f"{where}: after near duplicates of images to score on were left out"
    check_classes(train.labels[kept], train.labels, names, after)
    return train.take(kept), len(train) - kept.size


def _index(images: Images, image: NDArray[Any]) -> int:
    """Return the index of the first image that equals ``image``."""
    return next(at for at, other in enumerate(images) if np.array_equal(other, image))
