"""Outputs that must be new, checked before any work; what was begun goes where work fails."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.io.disk import existing_part

__all__ = ["check_new_file", "check_writable", "new_folder"]


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
    made = _made(path)
    try:
        with tempfile.TemporaryDirectory(dir=path, prefix=".partial-") as name:
            yield Path(name)
            for one in sorted(Path(name).iterdir()):
                one.replace(path / one.name)
    except BaseException:
        for one in made:
            with suppress(OSError):  # it is not empty
                one.rmdir()
        raise


def _made(folder: Path) -> list[Path]:
    """Make the folder and those above it; return those that were missing, the deepest first."""
    rule = "--out must be an empty folder or a new one"
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{rule}, got {str(folder)!r}")
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        got = f"{str(folder)!r} ({_reason(error)})"
        raise BadInput(f"{rule} that can be written to, got {got}") from None
    return missing


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
