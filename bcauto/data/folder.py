"""Data sets in folders: one folder of pictures for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bcauto.data.checks import check_classes, check_names
from bcauto.data.class_names import match_names
from bcauto.data.groups import picture_groups
from bcauto.data.label_file import read_label_file
from bcauto.data.labelled import FilesOfImages, ImageSet, Labelled, Labels, NamedImages
from bcauto.data.layout import Classes, find_layout
from bcauto.data.listing import labels_remedy, pictures_of_classes
from bcauto.data.names import printable
from bcauto.data.pictures import read_pictures
from bcauto.data.rules import USUAL, ReadingRules
from bcauto.data.unread import check_no_class_is_empty
from bcauto.errors import BadInput
from bcauto.order import as_natural

__all__ = ["read_folder", "read_folder_for_evaluation"]


class _Pictures(NamedTuple):
    """The files of all pictures of a part, and the class index of each."""

    paths: list[Path]
    labels: Labels


class _Listing(NamedTuple):
    """All pictures of a data set, before any is read; val is empty where there is none."""

    path: Path
    names: tuple[str, ...]
    train: _Pictures
    val: _Pictures


def read_folder(path: Path, image_size: int | None = None, rules: ReadingRules = USUAL) -> ImageSet:
    """Return the pictures to train and validate on; see ``bcauto.data.reading.read``."""
    listing = _list_labelled(path, rules.labels) if rules.labels else _list_folders(path)
    return _read_listing(listing, image_size, rules)


def _list_folders(path: Path) -> _Listing:
    """Return the pictures to train and validate on, as folders hold them."""
    layout = find_layout(path)
    root, parts = layout.path, layout.parts
    if parts and "train" not in parts:
        raise BadInput(f"{root}: needs a folder to train on, got only {', '.join(sorted(parts))}")
    classes = layout.classes("train")
    names = tuple(classes.folders)
    if len(names) < 2:
        raise BadInput(
            f"{classes.path}: needs at least two class folders, got only {names[0]!r}: "
            f"{labels_remedy(classes.path)}, or the folder of all class folders as --data"
        )
    check_names(names, str(classes.path))
    train = _listed(classes, np.arange(len(names)), all_full=True)
    if "val" not in parts:
        check_classes(train.labels, None, names, str(root))
        return _Listing(root, names, train, _Pictures([], np.empty(0, np.int64)))
    classes = layout.classes("val", names)
    places = match_names([*classes.folders], names, str(classes.path), "the training part")
    val = _listed(classes, places)
    check_classes(train.labels, val.labels, names, str(root))
    return _Listing(root, names, train, val)


def _list_labelled(path: Path, file: Path) -> _Listing:
    """Return the pictures to train on, as a file of labels names them."""
    found = read_label_file(file, path)
    of_train = found.of_part("train")
    of_val = found.of_part("val") if found.parts else {}
    names = tuple(sorted({*of_train.values()}, key=as_natural))
    check_names(names, str(file))
    train = _of_classes(of_train, np.arange(len(names)), names)
    match_names(sorted({*of_val.values()}), names, str(file), "the training part")
    val = _of_classes(of_val, np.arange(len(names)), names)
    check_classes(train.labels, val.labels if of_val else None, names, str(file))
    return _Listing(path, names, train, val)


def _of_classes(of_picture: Mapping[Path, str], places: Labels, names: Sequence[str]) -> _Pictures:
    """Return pictures in the order of their classes, as from class folders, and of their paths."""
    index = dict(zip(names, places.tolist(), strict=True))
    paths = sorted(of_picture, key=lambda picture: (index[of_picture[picture]], picture))
    return _Pictures(paths, np.array([index[of_picture[path]] for path in paths], np.int64))


def _read_listing(listing: _Listing, image_size: int | None, rules: ReadingRules) -> ImageSet:
    """Read the pictures, all at one size."""
    path, names, (of_train, train_labels), (of_val, val_labels) = listing
    paths, size = [*of_train, *of_val], None if image_size is None else (image_size, image_size)
    labels = np.concatenate([train_labels, val_labels])
    unasked = of_val and rules.groups is None  # the data set has split itself
    groups, by = (None, "") if unasked else picture_groups(path, paths, labels, names, rules)
    images, kept, bits, sizes = read_pictures(path, paths, size, rules)
    labels, groups = labels[kept], None if groups is None else groups[kept]
    count = int((kept < len(of_train)).sum())
    damaged = tuple(str(paths[at].relative_to(path)) for at in {*range(len(paths))} - {*kept})
    if damaged:
        where = f"{path}, without damaged pictures"
        check_classes(labels[:count], labels[count:] if of_val else None, names, where)

    def part(at: slice) -> Labelled:
        return Labelled(images[at], labels[at], None if groups is None else groups[at])

    val = part(slice(count, None)) if of_val else None
    files = FilesOfImages(tuple(printable(paths[at].relative_to(path)) for at in kept), sizes)
    return ImageSet(part(slice(count)), val, names, tuple(sorted(damaged)), by, bits, files)


def read_folder_for_evaluation(
    path: Path,
    image_size: tuple[int, int],
    class_names: tuple[str, ...],
    rules: ReadingRules = USUAL,
) -> NamedImages:
    """Return every picture to evaluate on; see ``read_for_evaluation``."""
    if rules.labels:
        labelled = read_label_file(rules.labels, path)
        of_picture = labelled.of_part("test")
        if not of_picture:
            known = ", ".join(sorted({*labelled.parts.values()}))
            raise BadInput(f"{rules.labels}: needs rows to test on, got only {known}")
        names = sorted({*of_picture.values()}, key=as_natural)
        places = match_names(names, class_names, str(rules.labels))
        return _read(path, _of_classes(of_picture, places, names), image_size, rules)
    layout = find_layout(path, class_names)
    root, parts = layout.path, layout.parts
    if parts and "test" not in parts:
        first = next(iter(parts.values()))[0]
        such = "" if layout.in_classes else f"; give a folder of class folders, such as {first}"
        raise BadInput(
            f"{root}: needs a folder to test on, got only {', '.join(sorted(parts))}{such}"
        )
    classes = layout.classes("test", class_names)
    places = match_names([*classes.folders], class_names, str(classes.path))
    pictures = _listed(classes, places)
    if not pictures.paths:
        raise BadInput(f"{classes.path}: must hold at least one picture, got none")
    return _read(classes.path, pictures, image_size, rules)


def _read(
    path: Path, pictures: _Pictures, size: tuple[int, int], rules: ReadingRules
) -> NamedImages:
    images, kept, *_ = read_pictures(path, pictures.paths, size, rules)
    names = tuple(printable(pictures.paths[at]) for at in kept)
    return NamedImages(images, pictures.labels[kept], names=names)


def _listed(classes: Classes, labels: Labels, all_full: bool = False) -> _Pictures:
    """Return the pictures of classes with their labels; ``all_full`` refuses an empty class."""
    found = pictures_of_classes(classes.path, classes.folders.values())
    if all_full:
        check_no_class_is_empty(
            classes.path, dict(zip(classes.folders.values(), found, strict=True))
        )
    counts = [len(of_class.pictures) for of_class in found]
    paths = [picture for of_class in found for picture in of_class.pictures]
    return _Pictures(paths, np.repeat(labels, counts))
