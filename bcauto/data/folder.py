"""Data sets in folders: one folder for each class, with JPEG and PNG pictures."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bcauto.data.checks import check_bytes, check_classes, check_names
from bcauto.data.class_names import as_natural, match_names
from bcauto.data.image_file import SUFFIXES, PictureHeader, decode, read_header
from bcauto.data.labelled import Images, ImageSet, Labelled
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["read_folder", "read_folder_for_evaluation"]

_log = logging.getLogger(__name__)

_THREADS = min(8, os.cpu_count() or 1)
_PIXELS_AT_ONCE = 64_000_000  # decoded at the same time, unless one picture has more


class _Pictures(NamedTuple):
    """The files of all pictures, and the class index of each."""

    paths: list[Path]
    labels: list[int]


def read_folder(path: Path, image_size: int | None = None) -> ImageSet:
    """Return the pictures of a folder of class folders; see ``bcauto.data.reading.read``."""
    folders = _class_folders(path)
    if len(folders) < 2:
        raise BadInput(f"{path}: needs at least two class folders, got only {folders[0].name!r}")
    pictures = _listed(path, folders, range(len(folders)))
    names = tuple(folder.name for folder in folders)
    check_names(names, str(path))
    labels = np.array(pictures.labels, np.int64)
    check_classes(labels, None, names, str(path))
    headers = [read_header(picture) for picture in pictures.paths]
    size = _commonest_size(headers) if image_size is None else (image_size, image_size)
    return ImageSet(Labelled(_decoded(path, pictures.paths, headers, size), labels), None, names)


def read_folder_for_evaluation(
    path: Path, image_size: tuple[int, int], class_names: tuple[str, ...]
) -> Labelled:
    """Return every picture of a folder of class folders; see ``read_for_evaluation``."""
    folders = _class_folders(path)
    places = match_names([folder.name for folder in folders], class_names, str(path))
    pictures = _listed(path, folders, places.tolist())
    if not pictures.paths:
        raise BadInput(f"{path}: must hold at least one JPEG or PNG picture, got none")
    headers = [read_header(picture) for picture in pictures.paths]
    images = _decoded(path, pictures.paths, headers, image_size)
    return Labelled(images, np.array(pictures.labels, np.int64))


def _class_folders(path: Path) -> list[Path]:
    """Return the folders in ``path`` in natural order ("2" before "10"), at least one."""
    folders, others = _entries(path)
    if folders:
        return sorted(folders, key=lambda folder: as_natural(folder.name))
    pictures = sum(_is_picture(entry) for entry in others)
    got = f"{pictures} pictures outside of any" if pictures else "none"
    raise BadInput(f"{path}: needs a folder of pictures for each class, got {got}")


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in ``folder`` that are not hidden, in alphabetical order."""
    with refuse_unreadable(folder):
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        folders = [entry for entry in entries if entry.is_dir()]
        return folders, [entry for entry in entries if not entry.is_dir()]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _listed(path: Path, folders: Iterable[Path], labels: Iterable[int]) -> _Pictures:
    """Return the pictures in ``folders`` with their folders' labels; warn of other files."""
    pictures = _Pictures([], [])
    others = _entries(path)[1]
    for folder, label in zip(folders, labels, strict=True):
        deeper, files = _entries(folder)
        found = [file for file in files if _is_picture(file)]
        others += [*deeper, *(file for file in files if not _is_picture(file))]
        pictures.paths.extend(found)
        pictures.labels.extend([label] * len(found))
    _warn_of(path, others)
    return pictures


def _warn_of(path: Path, others: Sequence[Path]) -> None:
    """Log how many files and folders are ignored, by suffix."""
    if not others:
        return
    kinds = Counter("folders" if p.is_dir() else p.suffix.lower() or "no suffix" for p in others)
    listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(5))
    _log.warning("%s: ignored %d that are not pictures of a class (%s)", path, len(others), listed)


def _commonest_size(headers: Sequence[PictureHeader]) -> tuple[int, int]:
    """Return the most frequent (height, width) of the pictures; of several, the first seen."""
    sizes = Counter((header.height, header.width) for header in headers)
    size, count = sizes.most_common(1)[0]
    if count < len(headers):
        others = len(headers) - count
        _log.info("%d of %d pictures are resized to %d x %d", others, len(headers), *size)
    return size


def _decoded(
    path: Path, paths: Sequence[Path], headers: Sequence[PictureHeader], size: tuple[int, int]
) -> Images:
    """Return all pictures at ``size``, (n, h, w, 3) uint8; OpenCV decodes outside Python's lock."""
    shape = (len(paths), *size, 3)
    check_bytes(shape, str(path))
    with refuse_unreadable(path):
        images = np.empty(shape, np.uint8)

    def fill(index: int) -> None:
        images[index] = decode(paths[index], headers[index].transparent, size)

    largest = max(header.height * header.width for header in headers)
    with ThreadPoolExecutor(max(1, min(_THREADS, _PIXELS_AT_ONCE // largest))) as pool:
        for _ in pool.map(fill, range(len(paths))):
            pass
    return images
