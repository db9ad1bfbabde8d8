"""A study as it is now, for what the API and the command line show of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bcauto.api.words import in_python
from bcauto.results.open_study import OpenStudy, open_study
from bcauto.storage.connect import storage_failures_in_one_line

__all__ = ["read_study"]


@contextmanager
def read_study(studies: Path, name: str | None, storage: str | None) -> Iterator[OpenStudy]:
    """Yield the study of that name, or else the one written last.

    Raises:
        BadInput: there is no such study, its storage is missing, or its files are damaged.
        NothingUsable: its storage fails, or a trial in it is damaged.
    """
    with in_python(), storage_failures_in_one_line():
        yield open_study(studies, name, storage)
