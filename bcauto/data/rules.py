"""How the pictures of a data set are read, where a user may choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bcauto.data.resize import Resize

__all__ = ["USUAL", "ReadingRules"]


@dataclass(frozen=True)
class ReadingRules:
    """What to do with pictures that are not as all others.

    Attributes:
        skip_damaged: whether to leave out pictures that cannot be read, rather than to refuse the
            data set.
        resize: what becomes of the shape of a picture that is resized.
        labels: a file that says which class each picture of a folder is of; see
            ``bcauto.data.label_file``. None for a folder of class folders.
        bits: how many bits files of 16 bits had when a model was trained; None to take what these
            pictures use.
        groups: what makes the groups that no split may part; see ``bcauto.data.groups``. None for
            what the data set says of itself.
    """

    skip_damaged: bool = False
    resize: Resize = "stretch"
    labels: Path | None = None
    bits: int | None = None
    groups: str | None = None


USUAL = ReadingRules()
"""What holds where a user chooses nothing."""
