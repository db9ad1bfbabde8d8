"""Folders of pictures in a zip, as they are downloaded."""

from __future__ import annotations

import logging
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from bcauto.data.image_file import SUFFIXES
from bcauto.data.listing import is_junk
from bcauto.errors import BadInput
from bcauto.io.npz_archive import MAX_EXPANSION
from bcauto.io.read_errors import refuse_unreadable

__all__ = ["is_zip_of_pictures", "unzipped"]

_MOST_MEMBERS = 1_000_000


def is_zip_of_pictures(path: Path) -> bool:
    """Return whether ``path`` is called ``.zip`` and holds pictures.

    Raises:
        BadInput: it is damaged, or lists too many members.
    """
    if path.suffix.lower() != ".zip" or not path.is_file():
        return False
    with refuse_unreadable(path):
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return bool(_pictures(path, archive))


@contextmanager
def unzipped(path: Path) -> Iterator[Path]:
    """Unpack the pictures of a zip into a temporary folder, which is deleted afterwards.

    What is logged about the folder, and a ``BadInput``, names the zip in its place.

    Raises:
        BadInput: a member is damaged or locked, or there is no room to unpack all.
    """
    with tempfile.TemporaryDirectory(prefix="bcauto-") as temporary:
        folder = Path(temporary) / path.stem
        with refuse_unreadable(path), zipfile.ZipFile(path) as archive:
            members = _pictures(path, archive)
            _check_room(path, members, Path(temporary))
            archive.extractall(folder, members)  # takes absolute paths as relative ones
        try:
            with _logged_as(folder, path):
                yield folder
        except BadInput as error:
            message = str(error).replace(str(folder), str(path))
            remedy = str(error).partition(": ")[2]
            unpack = " (unpack the zip first)" if str(folder) in remedy else ""
            raise BadInput(f"{message}{unpack}") from error.__cause__


@contextmanager
def _logged_as(folder: Path, path: Path) -> Iterator[None]:
    """Show ``path`` in place of ``folder`` in what is logged meanwhile."""
    make = logging.getLogRecordFactory()

    def renamed(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        if str(folder) in (message := record.getMessage()):
            record.msg, record.args = message.replace(str(folder), str(path)), ()
        return record

    logging.setLogRecordFactory(renamed)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make)


def _pictures(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the pictures of a zip, without what a system left in it."""
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise BadInput(f"{path}: may hold at most {_MOST_MEMBERS:,} files, got {len(members):,}")
    names = {member.filename: PurePosixPath(member.filename) for member in members}
    return [
        member
        for member in members
        if names[member.filename].suffix.lower() in SUFFIXES
        and not any(map(is_junk, names[member.filename].parts))
    ]


def _check_room(path: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    size, packed = sum(member.file_size for member in members), path.stat().st_size
    if size > MAX_EXPANSION * packed:
        raise BadInput(
            f"{path}: may unpack to at most {MAX_EXPANSION} times its size, "
            f"got {size:,} bytes from {packed:,}"
        )
    free = shutil.disk_usage(folder).free
    if size > free:
        raise BadInput(
            f"{path}: needs {size / 2**30:.1f} GiB to be unpacked in {folder.parent}, which has "
            f"{free / 2**30:.1f} GiB; set TMPDIR to another folder, or unpack it yourself"
        )
