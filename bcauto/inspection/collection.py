"""All pictures of a data set in one order, which their numbers are places in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bcauto.data.labelled import Images, ImageSet, Labels

__all__ = ["Collection", "Indices", "collect", "shown_class"]

Indices = NDArray[np.intp]
"""Numbers of pictures (k,)."""


@dataclass(frozen=True, eq=False)
class Collection:
    """The pictures to train on and, behind them, those that the data set validates on.

    Attributes:
        images: (n, h, w, 3) uint8 RGB.
        labels: (n,) indices into the class names.
        class_names: the classes.
        training: how many of the pictures are to train on.
        names: (n,) what each is called: its file in the folder, or its place in the npz file.
        sizes: (n, 2) height and width of each before it was resized, in px.
        damaged: the names of pictures that cannot be read.
    """

    images: Images
    labels: Labels
    class_names: tuple[str, ...]
    training: int
    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    damaged: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in px, to which all pictures were resized."""
        return self.images.shape[1], self.images.shape[2]

    def class_of(self, number: int) -> str:
        """Return the class name of a picture."""
        return self.class_names[int(self.labels[number])]

    def shown_class(self, label: int) -> str:
        """Return a class, by its index, as a sentence has it."""
        return shown_class(self.class_names[label])

    def shown_class_of(self, number: int) -> str:
        """Return the class of a picture as a sentence has it."""
        return self.shown_class(int(self.labels[number]))


def shown_class(name: str) -> str:
    """Return the name of a class as a sentence has it: ``class 3`` where it is only a number."""
    return f"class {name}" if name.isdigit() else name


def collect(path: Path, image_set: ImageSet) -> Collection:
    """Return the pictures of a data set as read, in one order."""
    parts, files = image_set.parts, image_set.files
    images, labels = image_set.images, image_set.labels
    if files:
        names, sizes = files.names, files.sizes
    else:
        prefixes = ("train_images", "val_images") if image_set.val else ("images",)
        names = tuple(
            f"{path.name}: {prefix}[{at}]"
            for prefix, part in zip(prefixes, parts, strict=True)
            for at in range(len(part))
        )
        sizes = np.tile(np.array(images.shape[1:3]), (len(images), 1))
    return Collection(
        images, labels, image_set.class_names, len(parts[0]), names, sizes, image_set.damaged
    )
