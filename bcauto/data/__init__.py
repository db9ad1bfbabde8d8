"""Data sets: read from a file or a folder, cleaned, split, ready for trials."""

from __future__ import annotations

from bcauto.data.cleaning import Cleaning, clean
from bcauto.data.dataset import Dataset, load
from bcauto.data.labelled import Labelled, Source
from bcauto.data.reading import read, read_for_evaluation
from bcauto.data.split import stratified_split

__all__ = [
    "Cleaning",
    "Dataset",
    "Labelled",
    "Source",
    "clean",
    "load",
    "read",
    "read_for_evaluation",
    "stratified_split",
]
