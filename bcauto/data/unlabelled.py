"""Pictures without labels: found in folders, files, zips and npz files, and read when needed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bcauto.data.checks import check_image_array, rgb_shape
from bcauto.data.listing import all_files, is_picture
from bcauto.data.names import printable
from bcauto.data.picture_batches import (
    PictureArray,
    PictureBatch,
    PictureFiles,
    PictureSource,
)
from bcauto.data.resize import Resize
from bcauto.data.zipped import is_zip_of_pictures, unzipped
from bcauto.errors import BadInput
from bcauto.io.npz_archive import Archive, open_archive

__all__ = ["Pictures", "open_pictures"]

_log = logging.getLogger(__name__)

_AHEAD = 2  # batches that are read while another is in use
_KEYS = ("images", "test_images")  # an npz file's pictures are the first that is there
_LEGAL = "Legal: a picture, a folder or zip of pictures, or an .npz file"


@dataclass(frozen=True)
class Pictures:
    """Pictures that were found and not yet read; made by ``open_pictures``."""

    sources: Sequence[PictureSource]

    @property
    def count(self) -> int:
        """How many pictures there are, damaged ones included."""
        return sum(source.count for source in self.sources)

    def batches(
        self,
        size: tuple[int, int],
        resize: Resize = "stretch",
        at_most: int = 128,
        bits: int | None = None,
    ) -> Iterator[PictureBatch]:
        """Yield all pictures in their order, read in threads while those before are in use.

        Args:
            size: (height, width) in px.
            resize: what becomes of a picture of another shape.
            at_most: pictures in a batch; only a few batches are in memory.
            bits: how many bits files of 16 bits had in training; None where it is not known.

        Raises:
            BadInput: an npz file is damaged.
        """
        every = (
            batch
            for source in self.sources
            for batch in source.batches(size, resize, at_most, bits)
        )
        with ThreadPoolExecutor(1) as reader:
            coming = deque(reader.submit(next, every, None) for _ in range(_AHEAD))
            while (batch := coming.popleft().result()) is not None:
                coming.append(reader.submit(next, every, None))
                yield batch


@contextmanager
def open_pictures(paths: Sequence[Path]) -> Iterator[Pictures]:
    """Find all pictures in files, folders (at any depth), zips and npz files.

    An npz file holds them as ``images`` or ``test_images``, or as its only array: uint8 of
    (n, h, w, 3) RGB or (n, h, w) grey. A zip is unpacked into a temporary folder, which is there
    as long as the context is open. In folders, files that are not called as pictures are ignored,
    with a warning.

    Raises:
        BadInput: a path does not exist or holds no picture, or an npz file breaks a rule.
    """
    with ExitStack() as opened:
        sources: list[PictureSource] = []
        for path in paths:
            _add(sources, path, opened)
        yield Pictures(sources)


def _add(sources: list[PictureSource], path: Path, opened: ExitStack) -> None:
    """Add what a path holds; files that follow one another are one source, to fill batches."""
    if not path.exists():
        raise BadInput(f"{printable(path)}: does not exist. {_LEGAL}")
    if path.is_file() and path.suffix.lower() == ".npz":
        with open_archive(path) as archive:
            sources.append(_array(archive))
    elif is_zip_of_pictures(path):
        folder = opened.enter_context(unzipped(path))
        sources.append(PictureFiles(_in_folder(folder, path), (folder, path)))
    elif path.is_file() and path.suffix.lower() == ".zip":
        raise BadInput(f"{printable(path)}: must hold at least one picture, got none. {_LEGAL}")
    else:
        files = _in_folder(path, path) if path.is_dir() else [path]
        last = sources[-1] if sources else None
        if isinstance(last, PictureFiles) and last.unpacked is None:
            last.paths.extend(files)
        else:
            sources.append(PictureFiles(files))


def _in_folder(folder: Path, shown: Path) -> list[Path]:
    """Return the pictures in a folder, and tell of other files.

    Raises:
        BadInput: there is no picture.
    """
    files = all_files(folder)
    pictures = [file for file in files if is_picture(file)]
    others = len(files) - len(pictures)
    if not pictures:
        got = f"none of {others} files" if others else "an empty folder"
        raise BadInput(f"{printable(shown)}: must hold at least one picture, got {got}. {_LEGAL}")
    if others:
        what = "file that is no picture" if others == 1 else "files that are no pictures"
        _log.warning("%s: ignored %d %s", printable(shown), others, what)
    return pictures


def _array(archive: Archive) -> PictureArray:
    """Return the pictures of an npz file, whose header is checked."""
    known = [key for key in _KEYS if key in archive.keys] or list(archive.keys)
    if (len(known) > 1 and known[0] not in _KEYS) or not known:
        keys = " or ".join(_KEYS)
        raise BadInput(f"{archive.path}: must hold {keys}, or one array, got {archive.listed}")
    shape, dtype = archive.header(known[0])
    where = archive.where(known[0])
    count, height, width, _ = rgb_shape(shape, where)
    check_image_array((count, height, width, 3), dtype, where)
    return PictureArray(archive.path, known[0], count, (height, width))
