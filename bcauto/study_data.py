"""The data of a study, read as its settings say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bcauto.data.dataset import Dataset, load, read_uncleaned
from bcauto.data.labelled import ImageSet
from bcauto.data.reading import read_for_evaluation
from bcauto.data.rules import ReadingRules
from bcauto.errors import BadInput
from bcauto.proxy.own_images import OwnImages
from bcauto.study.settings import DataSettings, Settings, StudyRecord

__all__ = ["load_data", "read_as_begun", "read_images", "study_dataset"]


def load_data(settings: DataSettings) -> Dataset:
    """Return the data set that the settings name, cleaned and split.

    Raises:
        BadInput: the data set breaks a rule.
    """
    path = Path(settings.data) if settings.data else None
    rules = _reading_rules(settings)
    return load(path, settings.image_size, settings.seed, settings.leaks, rules)


def read_images(settings: Settings) -> tuple[Dataset, OwnImages | None]:
    """Return the data set, and the user's own images for the proxy at its size.

    Training images that are near duplicates of the user's own are refused or dropped.
    """
    data = load_data(settings)
    path = settings.proxy_data or settings.proxy_add
    if path is None:
        return data, None
    rules = replace(_reading_rules(settings), labels=None, groups=None, bits=data.bits)
    found = read_for_evaluation(Path(path), data.image_size, data.class_names, rules)
    own = OwnImages(found.images, found.labels, alone=settings.proxy_data is not None)
    return data.without_near_duplicates_of(own.images, settings.leaks, path), own


def study_dataset(record: StudyRecord) -> Dataset:
    """Return the data set that the trials of a study train on and are scored on.

    Raises:
        BadInput: the data is no longer there, or has changed since the study was begun.
    """
    data, _ = read_images(record.settings)
    if data.fingerprint != record.identity.data:
        where = record.settings.data or "the built-in cells"
        raise BadInput(f"{where}: changed since the study was begun, which trained on other images")
    return data


def read_as_begun(settings: DataSettings) -> ImageSet:
    """Return the images that the settings name as they are read, before any is dropped.

    Raises:
        BadInput: the data set breaks a rule.
    """
    path = Path(settings.data) if settings.data else None
    return read_uncleaned(path, settings.image_size, _reading_rules(settings))


def _reading_rules(settings: DataSettings) -> ReadingRules:
    """Return how the settings say that pictures are read."""
    return ReadingRules(
        skip_damaged=settings.skip_damaged,
        resize=settings.resize,
        labels=Path(settings.labels) if settings.labels else None,
        groups=settings.groups,
    )
