"""The data of a study: read, cleaned and split once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bcauto.data.checks import check_image_size
from bcauto.data.cleaning import Cleaning, clean
from bcauto.data.labelled import Images, Labelled, Source
from bcauto.data.leaks import Leaks, split_apart, without_copies, without_leaks
from bcauto.data.reading import read
from bcauto.data.resize import resize_all
from bcauto.data.synthetic.cells import CLASS_NAMES, paint_cells

__all__ = ["Dataset", "load"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """What trials train on and are scored on; never changed after it is made."""

    train: Labelled
    val: Labelled
    class_names: tuple[str, ...]
    cleaning: Cleaning

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.image_size

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Images of each class in train and val together; a part's are ``train.class_counts``."""
        classes = len(self.class_names)
        counts = zip(self.train.class_counts(classes), self.val.class_counts(classes), strict=True)
        return tuple(map(sum, counts))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, as hex, of images, labels and class names, and of which part each is in."""
        parts = (self.train, self.val)
        head = [self.class_names, *(part.images.shape for part in parts)]
        digest = hashlib.sha256(json.dumps(head).encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels, dtype="<i8").data)
        return digest.hexdigest()

    def apart_from(self, images: Images, leaks: Leaks, where: str) -> Dataset:
        """The same without training images that are near duplicates of others, which also score.

        Args:
            images: (m, h, w, 3) uint8, of the data's size.
            leaks: whether to refuse such a data set, or to drop its training images.
            where: the images' file, for a refusal.

        Raises:
            BadInput: there are such images and they are refused, or they are all of a class.
        """
        train, leaked = without_copies(self.train, images, self.class_names, leaks, where)
        cleaning = replace(self.cleaning, leaked=self.cleaning.leaked + leaked)
        return replace(self, train=train, cleaning=cleaning)


def load(path: Path | None, image_size: int | None, seed: int, leaks: Leaks = "refuse") -> Dataset:
    """The data set at ``path``, or the built-in cells; cleaned, with validation images set apart.

    No picture is on both sides, not even nearly; see ``bcauto.data.leaks``.

    Args:
        path: what ``bcauto.data.read`` takes; None for the built-in cells, the same at every seed.
        image_size: height and width to resize to, in pixels; None keeps the data set's own.
        seed: the study's seed, which the split depends on.
        leaks: what becomes of training images that are near duplicates of validation images, where
            the data set brings these.

    Raises:
        BadInput: the data set breaks a rule.
    """
    whole = _drawn(image_size) if path is None else read(path, image_size)
    source, cleaning = clean(whole)
    names = source.class_names
    if source.val is None:
        del whole  # its dropped images are of no more use, and may be gigabytes
        train, val, joined = split_apart(source.train, names, seed)
        return Dataset(train, val, names, replace(cleaning, joined=joined))
    train, leaked = without_leaks(source, whole, leaks, str(path))
    return Dataset(train, source.val, names, replace(cleaning, leaked=leaked))


def _drawn(image_size: int | None) -> Source:
    check_image_size(image_size)
    images, labels = paint_cells()
    size = images.shape[1:3] if image_size is None else (image_size, image_size)
    return Source(Labelled(resize_all(images, size), labels), None, CLASS_NAMES)
