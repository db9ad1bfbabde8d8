"""Files and folders that a command writes: checked before any work, whole or not there after it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.io.disk import existing_part
from bcauto.io.files import is_running

__all__ = [
    "abandoned",
    "check_new_file",
    "check_writable",
    "new_folder",
    "output_folder",
    "refuse_unwritable",
]

_WRITER = re.compile(r"\.partial-(\d+)-\w+")  # the process in the name of a folder being written


def check_new_file(path: Path) -> None:
    """Check that nothing is at a path yet, and that a file can be written there.

    Raises:
        BadInput: something is, or none can.
    """
    rule = "--out must be a new file"
    try:
        if path.exists() or path.is_symlink():
            raise BadInput(f"{rule}, got {path}, which exists: delete it, or give another name")
        tempfile.TemporaryFile(dir=existing_part(path.parent)).close()  # fails for root, too
    except OSError as error:
        raise BadInput(f"{rule} that can be written, got {path} ({_reason(error)})") from None


def check_writable(path: Path, option: str) -> None:
    """Check that a file can be written at a path, whether one is there or not.

    Args:
        path: of the file.
        option: what names it, for the message.

    Raises:
        BadInput: none can.
    """
    try:
        tempfile.TemporaryFile(dir=existing_part(path.parent)).close()  # fails for root, too
    except OSError as error:
        rule = f"{option} must be a file that can be written"
        raise BadInput(f"{rule}, got {path} ({_reason(error)})") from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write to; what is in it lies in the folder at ``path`` at the end.

    That folder is made at once. After an error, nothing of it is left.

    Raises:
        BadInput: something is at the path that is no empty folder, or it cannot be written to.
    """
    rule = "--out must be an empty folder or a new one"
    with refuse_unwritable(path, rule):
        if path.exists() and not (path.is_dir() and set(path.iterdir()) <= set(abandoned(path))):
            raise BadInput(f"{rule}, got {str(path)!r}")
    with output_folder(path, rule) as partial:
        yield partial


@contextmanager
def output_folder(path: Path, rule: str) -> Iterator[Path]:
    """Yield a folder to write to; at the end its files replace those of their names at ``path``.

    The folder at ``path`` is made at once. After an error it is as it was, and gone if it was not
    there. What killed processes left in it goes.

    Args:
        path: of the folder.
        rule: what it must be, for the message.

    Raises:
        BadInput: it cannot be written to.
    """
    with refuse_unwritable(path, rule):
        missing = [one for one in (path, *path.parents) if not one.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for one in abandoned(path):
            shutil.rmtree(one, ignore_errors=True)
        name = tempfile.mkdtemp(dir=path, prefix=f".partial-{os.getpid()}-")
    try:
        yield Path(name)
        for one in sorted(Path(name).iterdir()):
            target = path / one.name
            if target.is_symlink():
                target.unlink()
            elif target.is_dir():
                shutil.rmtree(target)
            one.replace(target)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        for one in missing:
            with suppress(OSError):  # it is not empty
                one.rmdir()


def abandoned(folder: Path) -> list[Path]:
    """Return the folders in a folder that killed processes were writing outputs to."""
    found = {path: _WRITER.fullmatch(path.name) for path in sorted(folder.glob(".partial-*"))}
    return [path for path, writer in found.items() if writer and not is_running(int(writer[1]))]


@contextmanager
def refuse_unwritable(path: Path, rule: str) -> Iterator[None]:
    """Turn an error of the file system into a BadInput with the rule and the path."""
    try:
        yield
    except OSError as error:
        got = f"{str(path)!r} ({_reason(error)})"
        raise BadInput(f"{rule} that can be written to, got {got}") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
