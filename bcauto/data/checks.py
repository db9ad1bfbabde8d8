"""Checks of images, labels and classes; each raises BadInput with a message of one line.

``where`` begins the message: the file, and the array in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.errors import BadInput

__all__ = [
    "MAX_BYTES",
    "MIN_SIDE",
    "check_bytes",
    "check_classes",
    "check_image_array",
    "check_image_size",
    "check_in_range",
    "check_label_array",
    "check_names",
    "check_no_gaps",
    "one_of_each",
    "rgb_shape",
    "whole_labels",
]

MIN_SIDE = 8
"""Smallest height and width of an image, in pixels."""

MAX_BYTES = 16 * 2**30
"""Largest size of the images of one array, in bytes: 16 GiB, or 600,000 images of 96 x 96."""

_INTEGERS = (
    ": save images.astype('uint8') where they are in 0..255, and where they have more bits "
    "(images >> (bits - 8)).astype('uint8'), such as bits = 12"
)
_REMEDIES = defaultdict(str, {
    "f": ": save (images * 255).round().astype('uint8') where they are in 0..1",
    "i": _INTEGERS,
    "u": _INTEGERS,
})  # fmt: skip
"""What to do with images of another type, by the kind of their dtype."""

_MAX_LABEL = 2**31
_MAX_NAME = 200


def check_bytes(shape: Sequence[int], where: str) -> None:
    """Refuse uint8 images of ``shape`` (n, h, w, 3) that would take more than ``MAX_BYTES``."""
    size = prod(shape)
    if size > MAX_BYTES:
        raise BadInput(
            f"{where}: images may take at most {MAX_BYTES / 2**30:.0f} GiB, "
            f"{tuple(shape)} would take {size / 2**30:.0f} GiB"
        )


def check_image_size(size: int | None) -> None:
    """Refuse an image size that is neither None nor at least ``MIN_SIDE`` pixels."""
    if size is not None and size < MIN_SIDE:
        raise BadInput(f"image size must be at least {MIN_SIDE} pixels, got {size}")


def rgb_shape(shape: Sequence[int], where: str) -> tuple[int, ...]:
    """Return (n, h, w, 3) for images of that shape, and for grey ones, (n, h, w) or (n, h, w, 1).

    Raises:
        BadInput: they are something else, such as volumes, or have their channels first.
    """
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3)):
        return (*shape[:3], 3)
    remedy = ""
    if len(shape) == 5 or (len(shape) == 4 and min(shape[1:]) >= MIN_SIDE):
        remedy = ": these are 3-D volumes, save a slice of each as its image"
    elif len(shape) == 4 and shape[3] == 4:
        remedy = ": there is a fourth channel (alpha), save images[..., :3]"
    elif len(shape) == 4 and shape[1] in (1, 3, 4):
        remedy = ": the channels come first, save np.moveaxis(images, 1, -1)"
    raise BadInput(
        f"{where}: must be RGB of shape (n, h, w, 3) or grey of shape (n, h, w), "
        f"got {tuple(shape)}{remedy}"
    )


def check_image_array(shape: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Refuse an array that is not (n, h, w, 3) uint8 with at least one image of legal size."""
    if len(shape) != 4 or shape[3] != 3:
        raise BadInput(f"{where}: must be RGB of shape (n, h, w, 3), got {tuple(shape)}")
    if dtype != np.uint8:
        raise BadInput(
            f"{where}: must be uint8 pixels in 0-255, got {dtype}{_REMEDIES[dtype.kind]}"
        )
    if shape[0] < 1:
        raise BadInput(f"{where}: must hold at least one image, got none")
    if min(shape[1:3]) < MIN_SIDE:
        raise BadInput(
            f"{where}: images must be at least {MIN_SIDE} x {MIN_SIDE} pixels, "
            f"got {shape[1]} x {shape[2]}"
        )
    check_bytes(shape, where)


def check_label_array(shape: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Refuse an array that is not (n,), (n, 1) or (n, k), or holds something else than numbers."""
    if len(shape) not in (1, 2) or 0 in shape[1:]:
        raise BadInput(f"{where}: must be of shape (n,) or (n, 1), got {tuple(shape)}")
    if dtype.kind not in "biuf":
        texts = (
            ": save class_names, labels = np.unique(labels, return_inverse=True) as two arrays"
            if dtype.kind in "US"
            else ""
        )
        raise BadInput(f"{where}: must be whole numbers 0..k-1, got {dtype}{texts}")


def one_of_each(labels: NDArray[Any], where: str) -> NDArray[Any]:
    """Return one label for each image: (n,) and (n, 1) as they are, one-hot (n, k) as (n,).

    Raises:
        BadInput: an image has several labels or none, or a label is neither 0 nor 1.
    """
    if labels.ndim == 1 or labels.shape[1] == 1:
        return labels
    if not np.isin(labels, (0, 1)).all():
        raise BadInput(
            f"{where}: must be of shape (n,) or (n, 1), or one-hot of 0 and 1, got {labels.shape} "
            "of other numbers"
        )
    others = int((labels.sum(1) != 1).sum())
    if others:
        raise BadInput(
            f"{where}: must have one class for each image, got several or none for {others} of "
            f"{len(labels)}: a multi-label data set, which bcauto does not train on"
        )
    found: NDArray[np.int64] = labels.argmax(1)
    return found


def whole_labels(labels: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Return labels of any number type, shape (n,) or (n, 1), as (n,) int64.

    Floats are accepted if each is a whole number.

    Raises:
        BadInput: a label is negative, not whole, not a number, or 2**31 or more.
    """
    flat = labels.reshape(-1)
    if flat.dtype.kind in "bf":  # a float16 cannot hold the limit, and a bool is not yet a number
        flat = flat.astype(np.float64)
    legal = np.isfinite(flat) & (flat >= 0) & (flat < _MAX_LABEL) & (np.trunc(flat) == flat)
    if not legal.all():
        raise BadInput(f"{where}: must be whole numbers 0..k-1, got {flat[~legal][0]}")
    return flat.astype(np.int64)


def check_in_range(labels: NDArray[np.int64], classes: int, where: str) -> None:
    """Refuse a label that is not in 0..classes-1."""
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise BadInput(
            f"{where}: must be in 0..{classes - 1} for {classes} classes, got {outside[0]}"
        )


def check_no_gaps(labels: NDArray[np.int64], where: str) -> int:
    """Return the number k of classes; the labels must be 0..k-1, each of them used."""
    used = np.unique(labels)
    gaps = np.flatnonzero(used != np.arange(used.size))
    if gaps.size:
        remedy = ": save np.unique(labels, return_inverse=True)[1], or class_names with them"
        raise BadInput(
            f"{where}: must be 0..k-1 without gaps, got a label {used[-1]} but no label {gaps[0]}"
            f"{remedy}"
        )
    return int(used.size)


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse class names that are not distinct, or that screens and files cannot show.

    The latter are empty and overlong names, and names with control characters, marks that change
    the writing direction, or bytes that are not UTF-8.
    """
    for name in names:
        if not (0 < len(name) <= _MAX_NAME and name.isprintable()):
            raise BadInput(
                f"{where}: class names must not be empty, have at most {_MAX_NAME} characters, "
                f"all of them printable, got {name[:_MAX_NAME]!a}"
            )
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise BadInput(f"{where}: class names must be distinct, got {repeated[0]!r} twice")


def check_classes(
    train: NDArray[np.int64], val: NDArray[np.int64] | None, names: Sequence[str], where: str
) -> None:
    """Refuse fewer than two classes, or a class too small to be on both sides of a split.

    A class needs two images where train will be split, and one on each side where val is given.
    """
    if len(names) < 2:
        raise BadInput(f"{where}: a classifier needs at least two classes, got {len(names)}")
    parts = [("images", train, 2)] if val is None else [("train", train, 1), ("val", val, 1)]
    for part, labels, least in parts:
        counts = np.bincount(labels, minlength=len(names))
        rarest = int(counts.argmin())
        if counts[rarest] < least:
            raise BadInput(
                f"{where}: {part} must have at least {least} of each class, "
                f"got {counts[rarest]} of {names[rarest]!r}"
            )
