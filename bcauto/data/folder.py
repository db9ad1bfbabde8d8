"""Data sets in folders: one folder of pictures for each class."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bcauto.data.checks import check_bytes, check_classes, check_names
from bcauto.data.class_names import match_names
from bcauto.data.image_file import PictureHeader, decode, read_header
from bcauto.data.labelled import Images, ImageSet, Labelled, Labels
from bcauto.data.layout import class_folders, find_parts, pictures_of_classes
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["read_folder", "read_folder_for_evaluation"]

_log = logging.getLogger(__name__)

_THREADS = min(8, os.cpu_count() or 1)
_PIXELS_AT_ONCE = 64_000_000  # decoded at the same time, unless one picture has more


class _Pictures(NamedTuple):
    """The files of all pictures of a part, and the class index of each."""

    paths: list[Path]
    labels: Labels


def read_folder(path: Path, image_size: int | None = None) -> ImageSet:
    """Return the pictures to train and validate on; see ``bcauto.data.reading.read``."""
    root, parts = find_parts(path)
    if parts and "train" not in parts:
        raise BadInput(f"{root}: needs a folder to train on, got only {', '.join(sorted(parts))}")
    top = parts.get("train", root)
    folders = class_folders(top)
    if len(folders) < 2:
        raise BadInput(f"{top}: needs at least two class folders, got only {folders[0].name!r}")
    names = tuple(folder.name for folder in folders)
    check_names(names, str(top))
    listed = [_listed(top, folders, np.arange(len(names)))]
    if "val" in parts:
        of_val = class_folders(parts["val"], names)
        named = [folder.name for folder in of_val]
        places = match_names(named, names, str(parts["val"]), "the training part")
        listed.append(_listed(parts["val"], of_val, places))
    check_classes(listed[0].labels, listed[1].labels if "val" in parts else None, names, str(root))
    paths = [picture for part in listed for picture in part.paths]
    images = _read_pictures(root, paths, None if image_size is None else (image_size, image_size))
    count = len(listed[0].paths)
    train = Labelled(images[:count], listed[0].labels)
    val = Labelled(images[count:], listed[1].labels) if "val" in parts else None
    return ImageSet(train, val, names)


def read_folder_for_evaluation(
    path: Path, image_size: tuple[int, int], class_names: tuple[str, ...]
) -> Labelled:
    """Return every picture to evaluate on; see ``read_for_evaluation``."""
    root, parts = find_parts(path, class_names)
    if parts and "test" not in parts:
        such = next(iter(parts.values()))
        raise BadInput(
            f"{root}: needs a folder to test on, got only {', '.join(sorted(parts))}; "
            f"give a folder of class folders, such as {such}"
        )
    top = parts.get("test", root)
    folders = class_folders(top, class_names)
    places = match_names([folder.name for folder in folders], class_names, str(top))
    pictures = _listed(top, folders, places)
    if not pictures.paths:
        raise BadInput(f"{top}: must hold at least one picture, got none")
    return Labelled(_read_pictures(top, pictures.paths, image_size), pictures.labels)


def _listed(path: Path, folders: Sequence[Path], labels: Labels) -> _Pictures:
    """Return the pictures in ``folders`` with their folders' labels."""
    classes = pictures_of_classes(path, folders)
    counts = [len(of_class.pictures) for of_class in classes]
    paths = [picture for of_class in classes for picture in of_class.pictures]
    return _Pictures(paths, np.repeat(labels, counts))


def _commonest_size(headers: Sequence[PictureHeader]) -> tuple[int, int]:
    """Return the most frequent (height, width) of the pictures; of several, the first seen."""
    sizes = Counter((header.height, header.width) for header in headers)
    size, count = sizes.most_common(1)[0]
    if count < len(headers):
        others = len(headers) - count
        _log.info("%d of %d pictures are resized to %d x %d", others, len(headers), *size)
    return size


def _read_pictures(path: Path, paths: Sequence[Path], size: tuple[int, int] | None) -> Images:
    """Return pictures at one size, (n, h, w, 3) uint8; OpenCV decodes outside Python's lock.

    Args:
        path: the data set, for messages.
        paths: the pictures.
        size: (height, width) in px; None takes the commonest of the pictures.
    """
    headers = [read_header(picture) for picture in paths]
    shape = (len(paths), *(size or _commonest_size(headers)), 3)
    check_bytes(shape, str(path))
    with refuse_unreadable(path):
        images = np.empty(shape, np.uint8)

    def fill(index: int) -> None:
        images[index] = decode(paths[index], headers[index].transparent, shape[1:3])

    largest = max(header.height * header.width for header in headers)
    with ThreadPoolExecutor(max(1, min(_THREADS, _PIXELS_AT_ONCE // largest))) as pool:
        for _ in pool.map(fill, range(len(paths))):
            pass
    return images
