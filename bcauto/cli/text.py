"""Text of the process: names of files are UTF-8, and no letter is one that cannot be printed."""

from __future__ import annotations

import io
import os
import sys

__all__ = ["pin_text"]


def pin_text() -> None:
    r"""Make names of files UTF-8, whatever the locale says; show other letters than a terminal's.

    Python has taken the names of files by the locale once it runs, so that it is started again in
    its UTF-8 mode (PEP 540) where they are not UTF-8. A letter that standard output cannot encode
    is written as its number, such as ``\xe9``.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"  # of the processes that will be started here
        os.environ.setdefault("PYTHONIOENCODING", getattr(sys.stdout, "encoding", "utf-8"))
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
