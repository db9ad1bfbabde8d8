"""Counts, brightness, contrast and colour of the pictures of each class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bcauto.inspection.collection import Collection
from bcauto.inspection.copies import Copies

__all__ = ["ClassStatistics", "class_statistics", "count_sizes"]


@dataclass(frozen=True)
class ClassStatistics:
    """A class: how many pictures it has, and what they look like in the mean.

    Brightness, contrast and colours are means over the class's pictures, each content once and
    without intruders; None where none is left.

    Attributes:
        name: of the class.
        pictures: as read.
        train: of them, those to train on.
        val: of them, those that the data set validates on.
        intruders: of them, copies of intruders.
        duplicates: of them, exact copies of others that are kept.
        brightness: the mean luma, 0 to 255.
        brightness_deviation: its standard deviation from picture to picture.
        contrast: the standard deviation of luma within a picture.
        red: 0 to 255.
        green: 0 to 255.
        blue: 0 to 255.
        saturation: of HSV, 0 (grey) to 255.
        sharpness: the standard deviation of the Laplacian of luma; low where a picture is blurred.
    """

    name: str
    pictures: int
    train: int
    val: int
    intruders: int
    duplicates: int
    brightness: float | None
    brightness_deviation: float | None
    contrast: float | None
    red: float | None
    green: float | None
    blue: float | None
    saturation: float | None
    sharpness: float | None


_MEASURED = ("brightness", "contrast", "red", "green", "blue", "saturation", "sharpness")


def class_statistics(collection: Collection, copies: Copies) -> tuple[ClassStatistics, ...]:
    """Return the statistics of each class, in the order of the classes."""
    genuine = copies.genuine
    measured = np.array([_measure(collection.images[number]) for number in genuine.tolist()])
    spare = np.zeros(len(collection), bool)
    spare[copies.spare] = True
    in_train = np.arange(len(collection)) < collection.training
    found = []
    for label, name in enumerate(collection.class_names):
        of_class = collection.labels == label
        rows = measured.reshape(-1, len(_MEASURED))[of_class[genuine]]
        means = dict(zip(_MEASURED, rows.mean(axis=0).tolist(), strict=True)) if len(rows) else {}
        found.append(
            ClassStatistics(
                name,
                pictures=int(of_class.sum()),
                train=int((of_class & in_train).sum()),
                val=int((of_class & ~in_train).sum()),
                intruders=int((of_class & copies.intruding).sum()),
                duplicates=int((of_class & spare).sum()),
                brightness_deviation=float(rows[:, 0].std()) if len(rows) else None,
                **{key: means.get(key) for key in _MEASURED},
            )
        )
    return tuple(found)


def count_sizes(collection: Collection) -> list[tuple[int, int, int]]:
    """Return (height, width, how many pictures have it) before resizing, the commonest first."""
    counts = Counter(map(tuple, collection.sizes.tolist()))
    return [(height, width, count) for (height, width), count in counts.most_common()]


def _measure(image: NDArray[np.uint8]) -> list[float]:
    """Return the ``_MEASURED`` values of a picture."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    brightness, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
    red, green, blue, _ = cv2.mean(image)
    saturation = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1])[0]
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_32F))[1][0, 0])
    return [brightness, contrast, red, green, blue, saturation, sharpness]
