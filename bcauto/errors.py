"""The errors that bcauto raises on purpose, and the exit code that each one becomes.

BcautoError
├── BadInput        wrong use: an argument, a file or a setting breaks a rule (exit code 2)
├── NothingUsable   the work ran, but nothing came out that could be handed over (exit code 1)
└── TrialFailed     one trial cannot go on; the search goes on without it (never an exit code)

Interrupted is a KeyboardInterrupt: no ``except Exception`` swallows it, and a notebook knows it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from difflib import get_close_matches

from bcauto.order import as_natural

__all__ = [
    "BadInput",
    "BcautoError",
    "Interrupted",
    "NothingUsable",
    "TrialFailed",
    "did_you_mean",
    "first_line",
]


class BcautoError(Exception):
    """Base of every error that bcauto raises on purpose.

    Attributes:
        exit_code: of a command that ends with it.
        on_command_line: the message in the command line's words; None where they are the same.
    """

    exit_code = 1
    on_command_line: str | None = None


class BadInput(BcautoError):
    """User input breaks a rule; the message has the rule, the value and what is legal."""

    exit_code = 2


class NothingUsable(BcautoError):
    """The work ended without a result to hand over."""


class TrialFailed(BcautoError):
    """A trial cannot go on, such as one whose loss is not a number any more."""


class Interrupted(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP arrived; the exit code is 128 plus the signal's number.

    ``outcome`` tells the user what became of the work, in the command line's words.
    """

    outcome = "all is saved, the same command goes on"

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.outcome.replace('the same command', 'the same call')}"


def did_you_mean(value: object, legal: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest legal name, then all.

    They are in natural order, "2" before "10".

    >>> did_you_mean("lionn", ["adam", "lion"])
    "did you mean 'lion'? Legal: adam, lion"
    """
    names = sorted(legal, key=as_natural)
    folded = {name.lower(): name for name in names}
    near = get_close_matches(str(value).lower(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    return f"{hint}Legal: {', '.join(names) or 'none'}"


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or its type's name if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
