"""One clear line for whatever goes wrong when a file or a folder is read."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from pathlib import Path

from bcauto.errors import BadInput

__all__ = ["is_folder", "refuse_unreadable"]

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,  # zipfile's for a member with a password, or packed in a way it does not know
)

_LONGEST = 200  # characters of a reason


@contextmanager
def refuse_unreadable(path: Path) -> Iterator[None]:
    """Turn what reading ``path`` raises into a ``BadInput`` of one line that names it."""
    try:
        yield
    except MemoryError as error:
        raise BadInput(f"{path}: does not fit into this machine's memory") from error
    except OSError as error:
        if error.errno == EINVAL:  # a zip's directory points to before the file's beginning
            raise BadInput(f"{path}: damaged or cut short") from error
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{error.filename or path}: cannot be read ({reason})") from error
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or "it ends too early"
        if len(reason) > _LONGEST:  # zipfile quotes a damaged member's name, whatever its length
            reason = f"{reason[:_LONGEST]}..."
        raise BadInput(f"{path}: damaged, cut short or locked ({reason})") from error


def is_folder(path: Path) -> bool:
    """Return whether ``path`` is a folder (True) or a regular file (False).

    Raises:
        BadInput: it is neither, or may not be accessed.
    """
    with refuse_unreadable(path):
        if path.is_dir():
            return True
        if path.is_file():
            return False
    state = "is not a regular file" if path.exists() else "does not exist"
    raise BadInput(f"{path}: {state}. Legal: an .npz file or a folder of class folders")
