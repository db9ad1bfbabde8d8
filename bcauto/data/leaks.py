"""Two sides, train and validation, with no picture on both, be it exactly or nearly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_classes
from bcauto.data.cleaning import content_digests
from bcauto.data.labelled import Images, Labelled, Source
from bcauto.data.near_duplicates.pairs import near_duplicates
from bcauto.data.split import VALIDATION_FRACTION, stratified_split
from bcauto.errors import BadInput

__all__ = ["Leaks", "split_apart", "without_copies", "without_leaks"]

Leaks = Literal["refuse", "drop"]
"""What becomes of training images that are near duplicates of images to score on, where the user
gave both: they are refused, or the training images are left out."""

_NAMED = 5  # pairs in a refusal


def split_apart(whole: Labelled, names: Sequence[str], seed: int) -> tuple[Labelled, Labelled, int]:
    """Train, val, and how many images joined val to be with a near duplicate of theirs.

    A tenth of each class validates. Then training images that are near duplicates of validation
    images join these, whatever their labels, until none is left.

    Args:
        whole: all images, no two of them equal.
        names: the classes.
        seed: the study's seed, which the split depends on.

    Raises:
        BadInput: a class has too few images, or all of them are near duplicates of each other.
    """
    digests = content_digests(whole.images)
    train, val = stratified_split(whole.labels, digests, VALIDATION_FRACTION, seed)
    joined, came = 0, val
    while came.size and train.size:
        pairs = near_duplicates(whole.images[train], whole.images[came])
        leaving = np.isin(np.arange(train.size), [ours for ours, _ in pairs])
        came, train = train[leaving], train[~leaving]
        joined += came.size
        val = np.sort(np.concatenate([val, came]))
    _check_left(whole.labels[train], names)
    return whole.take(train), whole.take(val), joined


def without_leaks(source: Source, read: Source, leaks: Leaks, where: str) -> tuple[Labelled, int]:
    """The source's training images, and how many near duplicates of its val were left out of them.

    Args:
        source: with validation images of its own, cleaned.
        read: the same as it was read, for the indices in a refusal.
        leaks: whether to refuse, or to drop the training images.
        where: the file, for a refusal.

    Raises:
        BadInput: there are such images and they are refused, or they are all of a class.
    """
    train, val = source.parts
    pairs = near_duplicates(train.images, val.images)
    if pairs and leaks == "refuse":
        raise BadInput(f"{where}: {_refusal(pairs, source, read)}")
    return _without(train, pairs, source.class_names, where)


def without_copies(
    train: Labelled, images: Images, names: Sequence[str], leaks: Leaks, where: str
) -> tuple[Labelled, int]:
    """Training images, and how many were left out as near duplicates of images to score on.

    Args:
        train: as it is trained on.
        images: (m, h, w, 3) uint8 of another file, of the same size.
        names: the classes.
        leaks: whether to refuse, or to drop the training images.
        where: the other file, for a refusal.

    Raises:
        BadInput: there are such images and they are refused, or they are all of a class.
    """
    pairs = near_duplicates(train.images, images)
    if pairs and leaks == "refuse":
        theirs = sorted({index for _, index in pairs})
        named = ", ".join(map(str, theirs[:_NAMED])) + (", ..." if len(theirs) > _NAMED else "")
        raise BadInput(
            f"{where}: no image to score on may be a near duplicate of a training image, got "
            f"{len(theirs)} (numbers {named}): mend the file, "
            "or give --leaks drop to leave the training images out"
        )
    return _without(train, pairs, names, where)


def _without(
    train: Labelled, pairs: Sequence[tuple[int, int]], names: Sequence[str], where: str
) -> tuple[Labelled, int]:
    """Training images less those of the pairs, and how many that leaves out."""
    if not pairs:
        return train, 0
    kept = np.setdiff1d(np.arange(len(train)), [ours for ours, _ in pairs])
    what = f"{where}: after near duplicates of images to score on were left out"
    check_classes(train.labels[kept], train.labels, names, what)
    return train.take(kept), len(train) - kept.size


def _check_left(labels: NDArray[np.int64], names: Sequence[str]) -> None:
    """Refuses a split that has taken every image of a class from training."""
    left = np.bincount(labels, minlength=len(names))
    if not left.all():
        raise BadInput(
            "a class needs pictures to train on that are no near duplicates of validation images, "
            f"got none of {names[int(left.argmin())]!r}: give more images of it, or others"
        )


def _refusal(pairs: Sequence[tuple[int, int]], source: Source, read: Source) -> str:
    """Names the first pairs by their indices in the file."""
    (ours, theirs), (all_ours, all_theirs) = source.parts, read.parts
    named = [
        f"train {_index(all_ours.images, ours.images[a])}"
        f" and val {_index(all_theirs.images, theirs.images[b])}"
        for a, b in pairs[:_NAMED]
    ]
    more = ", ..." if len(pairs) > _NAMED else ""
    count = f"{len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}"
    return (
        "no training image may be a near duplicate of a validation image, "
        f"got {count} ({', '.join(named)}{more}): mend the file, "
        "or give --leaks drop to leave these training images out"
    )


def _index(images: Images, image: NDArray[Any]) -> int:
    """Where the picture first is."""
    return next(at for at, other in enumerate(images) if np.array_equal(other, image))
