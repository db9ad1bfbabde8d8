"""Outputs that must be new, checked before any work."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bcauto.errors import BadInput
from bcauto.io.disk import existing_part

__all__ = ["check_new_file"]


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
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{rule} that can be written, got {path} ({reason})") from None
