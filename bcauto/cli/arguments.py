"""What is wrong with a command line before any command sees it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bcauto.errors import BadInput

__all__ = ["check_none_empty"]


def check_none_empty(arguments: Sequence[str]) -> None:
    """Refuse a command line with an empty argument, which an unset shell variable leaves.

    ``Path("")`` is the current folder, so no option could tell later that it was empty.

    Raises:
        BadInput: an argument is empty; the message names the option before it.
    """
    for before, argument in pairwise(["", *arguments]):
        option = before if not argument else argument.removesuffix("=")
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            where = f"{option} " if option.startswith("-") else ""
            raise BadInput(f"no argument may be empty, got {where}''")
