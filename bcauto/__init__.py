"""Search for the fine-tuning recipe that does best on a hidden, corrupted test set."""

from importlib.metadata import version

__version__ = version("bcauto")
