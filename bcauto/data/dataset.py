"""The data of a study: read, cleaned and split once; ``load`` is the way in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bcauto.data.checks import check_image_size
from bcauto.data.cleaning import Cleaning, clean
from bcauto.data.groups import NO_GROUPS
from bcauto.data.labelled import Images, ImageSet, Labelled
from bcauto.data.leaks import (
    Leaks,
    split_without_leaks,
    train_without_groups_of_val,
    train_without_leaks,
    without_near_duplicates_of,
)
from bcauto.data.reading import read
from bcauto.data.resize import resize_all
from bcauto.data.rules import USUAL, ReadingRules
from bcauto.data.split import VALIDATION_FRACTION
from bcauto.data.synthetic.cells import CLASS_NAMES, paint_cells
from bcauto.progress import tell

__all__ = ["Dataset", "load", "read_uncleaned"]


_FAR = 0.02  # from the share that should validate, to be said


@dataclass(frozen=True, eq=False)
class Dataset:
    """The images that trials train on and are scored on; never changed after it is made."""

    train: Labelled
    val: Labelled
    class_names: tuple[str, ...]
    cleaning: Cleaning
    grouped_by: str = ""
    bits: int | None = None
    """How many bits files of 16 bits are taken to have; None without such files."""

    @property
    def grouping(self) -> str:
        """How many groups no split may part, and where they come from; "none" without any."""
        count = len(self.train.named_groups | self.val.named_groups)
        return f"{count} groups by {self.grouped_by}" if count else NO_GROUPS

    @property
    def grouping_summary(self) -> str:
        """The same in one line for the screen, with what became of the groups."""
        validating = len(self.val.named_groups)
        share = len(self.val) / (len(self.train) + len(self.val))
        far = abs(share - VALIDATION_FRACTION) > _FAR
        images = f" ({share:.0%} of the images)" if far else ""
        return f"{self.grouping}, {validating} of them validate{images}"

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.image_size

    @property
    def class_counts(self) -> tuple[int, ...]:
        """How many images each class has in train and val together."""
        classes = len(self.class_names)
        counts = zip(self.train.class_counts(classes), self.val.class_counts(classes), strict=True)
        return tuple(map(sum, counts))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the images, labels and class names, and of the part each is in."""
        parts = (self.train, self.val)
        head = [self.class_names, *(part.images.shape for part in parts)]
        digest = hashlib.sha256(json.dumps(head).encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels, dtype="<i8").data)
        return digest.hexdigest()

    def without_near_duplicates_of(self, images: Images, leaks: Leaks, where: str) -> Dataset:
        """Return the data set without training images that nearly equal other images to score on.

        Args:
            images: (m, h, w, 3) uint8, of the data's size.
            leaks: whether to refuse near duplicates or to drop them from the training images.
            where: the images' file, for a refusal.

        Raises:
            BadInput: near duplicates are refused, or dropping them leaves none of a class.

        """
        train, leaked = without_near_duplicates_of(
            images, self.train, self.class_names, leaks, where
        )
        cleaning = replace(self.cleaning, leaked=self.cleaning.leaked + leaked)
        return replace(self, train=train, cleaning=cleaning)


def load(
    path: Path | None,
    image_size: int | None,
    seed: int,
    leaks: Leaks = "refuse",
    rules: ReadingRules = USUAL,
) -> Dataset:
    """Read, clean and split a data set, or the built-in synthetic cells.

    No picture is on both sides of the split, not even nearly; see ``bcauto.data.leaks``. A data
    set with validation images of its own keeps them.

    Args:
        path: a file or folder for ``bcauto.data.reading.read``; None for the built-in cells, which
            are the same for every seed.
        image_size: height and width to resize to, in pixels; None keeps the data set's own.
        seed: the study's seed, which the split depends on.
        leaks: what to do with training images that are near duplicates of validation images, where
            the data set has its own.
        rules: what to do with pictures that are not as all others.

    Raises:
        BadInput: the data set breaks a rule.

    """
    tell("reading pictures")
    as_read = read_uncleaned(path, image_size, rules)
    tell("looking for copies")
    image_set, cleaning = clean(as_read)
    cleaning = replace(cleaning, damaged=as_read.damaged)
    names, bits = image_set.class_names, as_read.bits
    if image_set.val is None:
        del as_read  # the images that were dropped may take gigabytes
        train, val, joined = split_without_leaks(image_set.train, names, seed)
        cleaning = replace(cleaning, joined=joined)
        return Dataset(train, val, names, cleaning, image_set.grouped_by, bits)
    image_set, shared = train_without_groups_of_val(image_set, leaks, str(path))
    train, leaked = train_without_leaks(image_set, as_read, leaks, str(path))
    cleaning = replace(cleaning, leaked=leaked, shared=shared)
    return Dataset(train, image_set.parts[1], names, cleaning, image_set.grouped_by, bits)


def read_uncleaned(path: Path | None, image_size: int | None, rules: ReadingRules) -> ImageSet:
    """Return the images of a data set as they are read, before any is dropped; see ``load``."""
    if path is not None:
        return read(path, image_size, rules)
    check_image_size(image_size)
    images, labels = paint_cells()
    size = images.shape[1:3] if image_size is None else (image_size, image_size)
    return ImageSet(Labelled(resize_all(images, size), labels), None, CLASS_NAMES)
