"""Images with their labels, and sets of them as data sets hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bcauto.data.checks import check_image_array, check_in_range
from bcauto.errors import BadInput

__all__ = [
    "FilesOfImages",
    "Groups",
    "ImageSet",
    "Images",
    "Labelled",
    "Labels",
    "NamedImages",
    "check_lengths",
]

Images = NDArray[np.uint8]
"""Images (n, h, w, 3), RGB in 0-255."""

Labels = NDArray[np.int64]
"""Labels (n,), each an index into the class names."""

Groups = NDArray[np.str_]
"""Group names (n,), such as a patient for each image; images with "" are groups of their own."""


def check_lengths(images: int, labels: int, where: str) -> None:
    """Refuse images and labels that differ in number."""
    if images != labels:
        raise BadInput(f"{where}: needs one label per image, got {images} and {labels}")


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images (n, h, w, 3) uint8 RGB in 0-255, n at least 1, and their labels (n,) int64.

    Attributes:
        images: as above.
        labels: as above.
        groups: names (n,) of the groups that no split may part; None where none are known.

    Raises:
        BadInput: an array has another shape or type, or they differ in length.
    """

    images: Images
    labels: Labels
    groups: Groups | None = None

    def __post_init__(self) -> None:
        check_image_array(self.images.shape, self.images.dtype, "images")
        if self.labels.ndim != 1 or self.labels.dtype != np.int64:
            got = f"{self.labels.shape} {self.labels.dtype}"
            raise BadInput(f"labels: must be of shape (n,) and int64, got {got}")
        check_lengths(len(self.images), len(self.labels), "images and labels")
        if self.groups is not None and self.groups.shape != self.labels.shape:
            raise BadInput(f"groups: must be of shape ({len(self)},), got {self.groups.shape}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def named_groups(self) -> set[str]:
        """The groups of several images, as far as they are known."""
        return set() if self.groups is None else {*self.groups.tolist()} - {""}

    def class_counts(self, classes: int) -> tuple[int, ...]:
        """Return how many images each of ``classes`` classes has."""
        return tuple(np.bincount(self.labels, minlength=classes).tolist())

    def take(self, indices: NDArray[np.integer[Any]] | Sequence[int]) -> Labelled:
        """Return a copy of the images at ``indices``, in their order, with what belongs to them."""
        groups = None if self.groups is None else self.groups[indices]
        return Labelled(self.images[indices], self.labels[indices], groups)


@dataclass(frozen=True, eq=False)
class NamedImages(Labelled):
    """Images to evaluate on, and where each comes from: its file, or its place in an npz file."""

    names: tuple[str, ...] = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_lengths(len(self.images), len(self.names), "images and names")


@dataclass(frozen=True, eq=False)
class FilesOfImages:
    """Where the images of a folder were read from, those of train before those of val.

    Attributes:
        names: (n,) the path of each in the folder.
        sizes: (n, 2) height and width of each in its file, in pixels.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """The images of a file or a folder, before any split.

    Attributes:
        train: the images to train on; also to validate on, where ``val`` is None.
        val: the data set's own validation images, if it has any.
        class_names: the classes; a label is an index into them.
        damaged: the names of pictures that were left out because they cannot be read.
        grouped_by: where the groups of the parts come from, in words; "" where there are none.
        bits: how many bits files of 16 bits are taken to have; None without such files.
        files: the file of each image; None for an npz file, and where images were left out since.

    Raises:
        BadInput: a label has no class name, or the two parts differ in image size.

    """

    train: Labelled
    val: Labelled | None
    class_names: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    grouped_by: str = ""
    bits: int | None = None
    files: FilesOfImages | None = None

    def __post_init__(self) -> None:
        for part in self.parts:
            check_in_range(part.labels, len(self.class_names), "labels")
        if len({part.image_size for part in self.parts}) > 1:
            sizes = " and ".join(f"{h} x {w}" for h, w in (part.image_size for part in self.parts))
            raise BadInput(f"train and val must have one image size, got {sizes}")

    @property
    def parts(self) -> tuple[Labelled, ...]:
        """``train``, and ``val`` where there is one."""
        return (self.train,) if self.val is None else (self.train, self.val)

    @property
    def images(self) -> Images:
        """The images of all parts, one behind the other; not copied where there is one part."""
        if self.val is None:
            return self.train.images
        return np.concatenate([part.images for part in self.parts])

    @property
    def labels(self) -> Labels:
        """The labels of all parts in the same order."""
        return np.concatenate([part.labels for part in self.parts])
