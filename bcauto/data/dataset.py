"""The data of a study: read, cleaned and split once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bcauto.data.builtin import CLASS_NAMES, draw_cells
from bcauto.data.cleaning import Cleaning, clean, content_digests
from bcauto.data.labelled import Labelled, Source
from bcauto.data.reading import read
from bcauto.data.resize import resize_all
from bcauto.data.rules import check_image_size
from bcauto.data.split import VALIDATION_FRACTION, stratified_split

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


def load(path: Path | None, image_size: int | None, seed: int) -> Dataset:
    """The data set at ``path``, or the built-in cells; cleaned, with validation images set apart.

    Args:
        path: what ``bcauto.data.read`` takes; None for the built-in cells, the same at every seed.
        image_size: height and width to resize to, in pixels; None keeps the data set's own.
        seed: the study's seed, which the split depends on.

    Raises:
        BadInput: the data set breaks a rule.
    """
    source, cleaning = clean(_drawn(image_size) if path is None else read(path, image_size))
    train, val = _parts(source, seed)
    return Dataset(train, val, source.class_names, cleaning)


def _drawn(image_size: int | None) -> Source:
    check_image_size(image_size)
    images, labels = draw_cells()
    size = images.shape[1:3] if image_size is None else (image_size, image_size)
    return Source(Labelled(resize_all(images, size), labels), None, CLASS_NAMES)


def _parts(source: Source, seed: int) -> tuple[Labelled, Labelled]:
    """Train and val: the source's own val where it has one, else a tenth of each class."""
    if source.val is not None:
        return source.train, source.val
    whole = source.train
    groups = content_digests(whole.images)
    train, val = stratified_split(whole.labels, groups, VALIDATION_FRACTION, seed)
    return whole.take(train), whole.take(val)
