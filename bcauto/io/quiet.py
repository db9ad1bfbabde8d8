"""Loggers that are silent for a while."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_warnings"]


@contextmanager
def without_warnings(logger: str) -> Iterator[None]:
    """Let a logger, by its name, tell errors only."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
