"""Train and validation sides without leaks: no picture is on both, neither exactly nor nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_classes
from bcauto.data.labelled import Images, ImageSet, Labelled
from bcauto.data.near_duplicates.join import joined_groups
from bcauto.data.near_duplicates.pairs import NearDuplicates, near_duplicates
from bcauto.data.split import VALIDATION_FRACTION, validation_groups
from bcauto.errors import BadInput

__all__ = [
    "Leaks",
    "split_without_leaks",
    "train_without_groups_of_val",
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
    """Split images into train and val by whole groups: an image with all its near duplicates.

    Groups that the images have of their own, such as patients, are joined where near duplicates
    link them. Near duplicates are looked for of what would validate only: a tenth is chosen and
    compared with all images, what it joined is chosen from anew, and so on until nothing is new.

    Args:
        whole: all images, no two of them equal.
        names: the classes.
        seed: the study's seed, which the split depends on.

    Returns:
        Train, val, and how many images are in val as near duplicates of others there.

    Raises:
        BadInput: a class has too few images, or all of them are in one group.

    """
    alone = np.arange(len(whole))
    groups = _given_groups(whole)
    pairs: list[tuple[int, int]] = []
    known = np.zeros(len(whole), bool)
    near = NearDuplicates(whole.images)
    while True:
        in_val = validation_groups(whole.labels, groups, VALIDATION_FRACTION, seed)
        new = np.flatnonzero(in_val & ~known)
        if not new.size:
            break
        found = near.of(whole.images[new])
        pairs += [(one, int(new[other])) for one, other in found]
        known[new] = True
        groups = joined_groups(groups, pairs)
    _check_both_sides(whole, in_val, names)
    joined = joined_groups(alone, pairs)[in_val]
    train, val = whole.take(np.flatnonzero(~in_val)), whole.take(np.flatnonzero(in_val))
    return train, val, len(val) - np.unique(joined).size


def _given_groups(whole: Labelled) -> NDArray[np.intp]:
    """Return numbers of the groups that the images have of their own; "" is an image alone."""
    alone = np.arange(len(whole))
    if whole.groups is None:
        return alone
    named = whole.groups != ""
    _, numbers = np.unique(whole.groups, return_inverse=True)
    return np.where(named, numbers + len(whole), alone)


def _check_both_sides(whole: Labelled, in_val: NDArray[np.bool_], names: Sequence[str]) -> None:
    """Refuse a split that leaves a class out on one side, with the reason."""
    labels = whole.labels
    missing = np.setdiff1d(labels, np.intersect1d(labels[in_val], labels[~in_val]))
    if not missing.size:
        return
    of_class = labels == missing[0]
    groups = np.unique(_given_groups(whole)[of_class])
    if groups.size > 1 or of_class.sum() == 1 or whole.groups is None:
        raise BadInput(
            "a class needs two pictures or more that are no near duplicates of each other, one to "
            f"train on and one to validate on, got one of {names[int(missing[0])]!r}: give more "
            "images of it, or others"
        )
    group = whole.groups[of_class][0]
    raise BadInput(
        "a class needs two groups or more, one to train on and one to validate on, got all "
        f"{of_class.sum()} images of {names[int(missing[0])]!r} in group {str(group)!r}: give "
        "more images of it, or other --groups"
    )


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


def train_without_groups_of_val(
    image_set: ImageSet, leaks: Leaks, where: str
) -> tuple[ImageSet, int]:
    """Return a set without training images whose groups are among its validation images.

    Args:
        image_set: the images, with validation images.
        leaks: whether to refuse such groups or to drop them from the training images.
        where: the file, for a refusal.

    Returns:
        The set, and how many training images were dropped.

    Raises:
        BadInput: such groups are refused, or dropping them leaves none of a class.

    """
    train, val = image_set.parts
    if train.groups is None or val.groups is None:
        return image_set, 0
    shared = np.setdiff1d(np.intersect1d(train.groups, val.groups), [""])
    if not shared.size:
        return image_set, 0
    if leaks == "refuse":
        named = ", ".join(map(repr, shared[:_NAMED].tolist()))
        more = ", ..." if shared.size > _NAMED else ""
        raise BadInput(
            f"{where}: no group may be in both train and val, got {shared.size} of them "
            f"({named}{more}): mend the data, or give --leaks drop to leave their training "
            "images out"
        )
    kept = np.flatnonzero(~np.isin(train.groups, shared))
    after = f"{where}: after groups of validation images were left out"
    check_classes(train.labels[kept], train.labels, image_set.class_names, after)
    return replace(image_set, train=train.take(kept)), len(train) - kept.size


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
