"""Data sets: read from a file or a folder, cleaned, split, ready for trials."""

from __future__ import annotations

from bcauto.data.apart import Leaks
from bcauto.data.cleaning import Cleaning, clean
from bcauto.data.dataset import Dataset, load
from bcauto.data.labelled import Labelled, Source
from bcauto.data.leaks import near_duplicates
from bcauto.data.reading import read, read_for_evaluation
from bcauto.data.split import stratified_split

__all__ = [
    "Cleaning",
    "Dataset",
    "Labelled",
    "Leaks",
    "Source",
    "clean",
    "load",
    "near_duplicates",
    "read",
    "read_for_evaluation",
    "stratified_split",
]
