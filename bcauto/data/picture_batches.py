"""Pictures without labels, read in batches at one size: from files, and from the array of a npz."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np

from bcauto.data.bit_depth import find_depth
from bcauto.data.image_file import decode, read_header
from bcauto.data.labelled import Images
from bcauto.data.names import printable, row_name
from bcauto.data.resize import Resize, resize_all
from bcauto.errors import BadInput
from bcauto.io.npz_archive import open_archive

__all__ = ["PictureArray", "PictureBatch", "PictureFiles", "PictureSource"]

_THREADS = min(8, os.cpu_count() or 1)
_LARGE = 16_000_000  # pixels of a picture above which no other such is decoded at the same time


class PictureBatch(NamedTuple):
    """Pictures at one size.

    Attributes:
        names: of the pictures that were read: the path, and in an npz file the index.
        images: (n, height, width, 3) uint8 RGB.
        damaged: why others were not read, by name.
        resized: how many of the former had another size.
    """

    names: list[str]
    images: Images
    damaged: dict[str, str]
    resized: int


class PictureSource(Protocol):
    """Where pictures come from."""

    @property
    def count(self) -> int:
        """How many pictures there are, damaged ones included."""
        ...

    def batches(
        self, size: tuple[int, int], resize: Resize, at_most: int, bits: int | None
    ) -> Iterator[PictureBatch]:
        """Yield the pictures at ``size`` (height, width), ``at_most`` in a batch.

        ``bits`` is how many bits files of 16 bits had in training; None where it is not known.
        """
        ...


class _Fate(NamedTuple):
    """What became of a picture: whether it was resized, and why it could not be read, if so."""

    resized: bool = False
    damage: str = ""


@dataclass(frozen=True)
class PictureFiles:
    """Picture files.

    Attributes:
        paths: of the files.
        unpacked: the folder that a zip was unpacked into, and the path of the zip, which is shown
            in its place; None where the files lie in folders.
    """

    paths: list[Path]
    unpacked: tuple[Path, Path] | None = None
    _depths: list[int] = field(default_factory=list)
    _asking: Lock = field(default_factory=Lock)
    _large: Lock = field(default_factory=Lock)

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.paths)

    def batches(
        self, size: tuple[int, int], resize: Resize, at_most: int, bits: int | None
    ) -> Iterator[PictureBatch]:
        """Yield the pictures; OpenCV decodes outside Python's lock."""
        with ThreadPoolExecutor(_THREADS) as pool:
            for start in range(0, len(self.paths), at_most):
                paths = self.paths[start : start + at_most]
                images = np.empty((len(paths), *size, 3), np.uint8)
                fill = partial(self._fill, resize=resize, trained=bits)
                fates = _in_parts(pool, fill, images, paths)
                names = [self._name(path) for path in paths]
                good = [at for at, fate in enumerate(fates) if not fate.damage]
                yield PictureBatch(
                    [names[at] for at in good],
                    images if len(good) == len(paths) else images[good],
                    {n: fate.damage for n, fate in zip(names, fates, strict=True) if fate.damage},
                    sum(fate.resized for fate in fates),
                )

    def _fill(self, image: Images, path: Path, resize: Resize, trained: int | None) -> _Fate:
        """Read a picture into ``image`` (height, width, 3)."""
        size = (image.shape[0], image.shape[1])
        try:
            header = read_header(path)
            own = (header.height, header.width)
            bits = self._bits(trained) if header.deep else 16
            with self._large if own[0] * own[1] > _LARGE else nullcontext():
                image[:] = decode(path, header.transparent, size, bits, resize)
        except BadInput as error:
            if isinstance(error.__cause__, MemoryError):
                raise
            return _Fate(damage=printable(str(error).removeprefix(f"{path}: ")))
        return _Fate(resized=own != size)

    def _bits(self, trained: int | None) -> int:
        """Return how many bits pictures of 16 bits use; all are looked at when one is found."""
        with self._asking:
            if not self._depths:
                deep = [path for path in self.paths if _is_deep(path)]
                self._depths.append(find_depth(f"{len(self.paths)} files", deep, map, trained))
            return self._depths[0]

    def _name(self, path: Path) -> str:
        if self.unpacked:
            folder, archive = self.unpacked
            path = archive / path.relative_to(folder)
        return printable(path)


def _in_parts(
    pool: ThreadPoolExecutor,
    fill: Callable[[Images, Path], _Fate],
    images: Images,
    paths: Sequence[Path],
) -> list[_Fate]:
    """Call ``fill`` for each picture, in a job for each thread: many small jobs cost time."""
    parts = [slice(first, None, _THREADS) for first in range(_THREADS)]
    jobs = [pool.submit(list, map(fill, images[part], paths[part])) for part in parts]
    fates = [_Fate()] * len(paths)
    for part, job in zip(parts, jobs, strict=True):
        fates[part] = job.result()
    return fates


def _is_deep(path: Path) -> bool:
    try:
        return read_header(path).deep
    except BadInput:
        return False


@dataclass(frozen=True)
class PictureArray:
    """An array of pictures in an npz file: its key, its length, and its (height, width)."""

    path: Path
    key: str
    count: int
    image_size: tuple[int, int]

    def batches(
        self,
        size: tuple[int, int],
        resize: Resize,
        at_most: int,
        bits: int | None,  # noqa: ARG002  its pictures have 8 bits
    ) -> Iterator[PictureBatch]:
        """Yield the pictures.

        Raises:
            BadInput: the file is damaged.
        """
        start, resized = 0, self.image_size != size
        with open_archive(self.path) as archive:
            where = archive.where(self.key)
            for part in archive.read_parts(self.key, at_most):
                images = np.broadcast_to(
                    part.reshape(*part.shape[:3], -1), (*part.shape[:3], 3)
                )  # of grey pictures, all colours are one
                names = [row_name(self.path, start + at) for at in range(len(part))]
                yield PictureBatch(
                    names, resize_all(images, size, where, resize), {}, len(part) * resized
                )
                start += len(part)
