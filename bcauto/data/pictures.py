"""Picture files read as one array."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from bcauto.data.bit_depth import find_depth
from bcauto.data.checks import check_bytes
from bcauto.data.image_file import PictureHeader, decode, read_header
from bcauto.data.labelled import Images
from bcauto.data.resize import Resize
from bcauto.data.rules import ReadingRules
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["ReadPictures", "read_pictures"]

_log = logging.getLogger(__name__)

_THREADS = min(8, os.cpu_count() or 1)
_PIXELS_AT_ONCE = 64_000_000  # decoded at the same time, unless one picture has more
_SLIGHT = 0.02  # a change of the aspect ratio that nobody sees
_NAMED = 40  # damaged pictures that a refusal names


class ReadPictures(NamedTuple):
    """Pictures at one size.

    Attributes:
        images: (n, h, w, 3) uint8.
        kept: the indices (n,) of the pictures that were read.
        bits: how many bits files of 16 bits are taken to have; None without such files.
        sizes: (n, 2) height and width of each in its file, in px.
    """

    images: Images
    kept: NDArray[np.intp]
    bits: int | None
    sizes: NDArray[np.int64]


def read_pictures(
    path: Path, paths: Sequence[Path], size: tuple[int, int] | None, rules: ReadingRules
) -> ReadPictures:
    """Return pictures at one size.

    Args:
        path: the data set, for messages.
        paths: the pictures, at least one.
        size: (height, width) in px; None takes the commonest of the pictures.
        rules: whether pictures that cannot be read are left out.

    Raises:
        BadInput: no picture can be read, or one cannot where none may be left out; or all together
            take too much memory.
    """
    damaged: dict[int, str] = {}  # why a picture cannot be read, by its index
    headers: dict[int, PictureHeader] = {}
    for index, picture in enumerate(paths):
        with _noting_damage(damaged, index):
            headers[index] = read_header(picture)
    if not headers:
        _refuse_damaged(path, damaged, len(paths))
    own = Counter((header.height, header.width) for header in headers.values())
    chosen = size or own.most_common(1)[0][0]  # of several, the first seen
    _tell_of_sizes(path, own, chosen, rules.resize, given=size is not None)
    images, bits, undecoded = _decoded(path, paths, headers, chosen, rules)
    damaged |= undecoded
    if not damaged:
        return ReadPictures(images, np.arange(len(paths)), bits, _sizes([*headers.values()]))
    if not rules.skip_damaged:
        _refuse_damaged(path, damaged, len(paths))
    _log.warning("%s: left out %d of %d pictures, damaged", path, len(damaged), len(paths))
    kept = np.setdiff1d(np.arange(len(paths)), [*damaged])
    return ReadPictures(images[kept], kept, bits, _sizes([headers[at] for at in kept.tolist()]))


def _sizes(headers: Sequence[PictureHeader]) -> NDArray[np.int64]:
    return np.array([(header.height, header.width) for header in headers], np.int64)


def _decoded(
    path: Path,
    paths: Sequence[Path],
    headers: Mapping[int, PictureHeader],
    size: tuple[int, int],
    rules: ReadingRules,
) -> tuple[Images, int | None, dict[int, str]]:
    """Return the pictures that have a header; OpenCV decodes outside Python's lock.

    Also returned is how many bits files of 16 bits have, if there are any, and why pictures cannot
    be decoded, by index; their pixels are undefined.
    """
    damaged: dict[int, str] = {}
    shape = (len(paths), *size, 3)
    check_bytes(shape, str(path))
    with refuse_unreadable(path):
        images = np.empty(shape, np.uint8)

    deep = [paths[index] for index, header in headers.items() if header.deep]
    largest = max(header.height * header.width for header in headers.values())
    with ThreadPoolExecutor(max(1, min(_THREADS, _PIXELS_AT_ONCE // largest))) as pool:
        bits = find_depth(str(path), deep, pool.map, rules.bits) if deep else None

        def fill(index: int) -> None:
            with _noting_damage(damaged, index):
                transparent = headers[index].transparent
                images[index] = decode(paths[index], transparent, size, bits or 16, rules.resize)

        for _ in pool.map(fill, headers):
            pass
    return images, bits, damaged


def _tell_of_sizes(
    path: Path, own: Counter[tuple[int, int]], size: tuple[int, int], resize: Resize, given: bool
) -> None:
    """Log how many pictures are resized to ``size``, and what becomes of their shapes.

    Where the size was given, that all are resized is no news, but shapes are.
    """
    aspects = {each: each[1] * size[0] / (each[0] * size[1]) for each in own}
    unlike = {each: max(aspect, 1 / aspect) - 1 for each, aspect in aspects.items()}
    reshaped = sum(own[each] for each, by in unlike.items() if by > _SLIGHT)
    resized = own.total() - own[size]
    if not (reshaped or (resized and not given)):
        return
    fates = {
        "stretch": "is stretched (--resize fit shows all of it, crop the middle)",
        "fit": "gets borders",
        "crop": "is cut to its middle",
    }
    most = f", by up to {max(unlike.values()):.0%}"
    shapes = f"; what has another shape ({reshaped}{most}) {fates[resize]}" if reshaped else ""
    place = "" if given else f", the size of {own[size]} (--image-size chooses another)"
    _log.warning(
        "%s: %d of %d pictures are resized to %d x %d%s%s",
        *(path, resized, own.total(), *size, place, shapes),
    )


@contextmanager
def _noting_damage(damaged: dict[int, str], index: int) -> Iterator[None]:
    """Note why the picture at ``index`` cannot be read; what fails in the system is raised."""
    try:
        yield
    except BadInput as error:
        if isinstance(error.__cause__, OSError | MemoryError):
            raise
        damaged[index] = str(error)


def _refuse_damaged(path: Path, damaged: Mapping[int, str], count: int) -> NoReturn:
    """Refuse pictures that cannot be read, and name them."""
    reasons = [damaged[index] for index in sorted(damaged)]
    if len(reasons) == 1:
        raise BadInput(f"{reasons[0]}: mend or delete it, or give --skip-damaged")
    inner = [reason.removeprefix(f"{path}{os.sep}") for reason in reasons]
    names = [reason.split(": ")[0] for reason in inner]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    raise BadInput(
        f"{path}: {len(names)} of {count} pictures cannot be read ({', '.join(names[:_NAMED])}"
        f"{more}), the first for this reason: {inner[0].split(': ', 1)[1]}. "
        "Mend or delete them, or give --skip-damaged"
    )
