"""A spinner that says, in a terminal, what is being waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bcauto.display.tables import open_console
from bcauto.progress import told_to

__all__ = ["waiting"]


@contextmanager
def waiting(step: str, silent: bool = False) -> Iterator[None]:
    """Show a step beside a spinner, then each that ``tell`` tells.

    Elsewhere than in a terminal, and where all is to be silent, nothing is shown.
    """
    console = open_console()
    if silent or not console.is_terminal:
        yield
        return
    with console.status(step) as status, told_to(status.update):
        yield
