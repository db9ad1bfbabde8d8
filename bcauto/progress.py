"""What long work is at, told to whoever shows it, without a parameter through every function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["tell", "told_to"]

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def tell(step: str) -> None:
    """Tell the innermost listener what is done now; where there is none, nobody."""
    if listener := _listener.get():
        listener(step)


@contextmanager
def told_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Let a function hear what is done while the context is open, in this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
