"""The command line: the only place that prints, and the only one that knows exit codes."""

from bcauto.cli.app import main

__all__ = ["main"]
