"""The pictures of a study's data, and what became of each: trained on, validated on, dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.data.cleaning import content_digests
from bcauto.data.fingerprints import PictureFingerprints
from bcauto.data.labelled import Labelled
from bcauto.errors import BcautoError
from bcauto.io.quiet import without_warnings
from bcauto.proxy.proxy import Integers
from bcauto.report.missing import Missing
from bcauto.results.open_study import OpenStudy
from bcauto.study_data import read_as_begun, study_dataset

__all__ = ["Fate", "StudyPictures", "pictures_of"]

Fate: TypeAlias = Literal["train", "val", "intruder", "duplicate", "left out"]
"""What became of a picture: "left out" was too near to one that models are scored on."""


@dataclass(frozen=True, eq=False)
class StudyPictures:
    """All pictures as they were read, (n, h, w, 3) uint8 RGB, with labels and fates (n,) each.

    Attributes:
        images, labels, fate: as above.
        same: (n,) a number for each picture, equal for equal pictures.
        val: the validation pictures in the order of the study, which its proxies count by.
    """

    images: NDArray[np.uint8]
    labels: Integers
    fate: NDArray[np.str_]
    same: Integers
    val: Labelled

    def places(self, fate: Fate) -> Integers:
        """Return the indices of the pictures with a fate."""
        found: Integers = np.flatnonzero(self.fate == fate)
        return found


def pictures_of(opened: OpenStudy) -> StudyPictures | Missing:
    """Return the pictures of a study's data; what became of each is known by its content."""
    record, file = opened.record, opened.folder.fingerprints
    try:
        with without_warnings("bcauto.data"):  # the search has told what reading says of it
            as_read = read_as_begun(record.settings)
            if file.exists():
                known = PictureFingerprints.load(file)
            else:  # a study of an earlier version: cleaned and split again
                known = PictureFingerprints.of(study_dataset(record))
    except BcautoError as error:
        return Missing(f"the data cannot be read: {error}")
    images, labels = as_read.images, as_read.labels
    digests = content_digests(images)
    validated = known.places("val", digests)
    places = [place for place in validated if place is not None]
    if len(places) < len(validated):
        return Missing("the data has changed since the study was begun")
    first = {digest: place for place, digest in reversed(list(enumerate(digests)))}
    parts = known.find_digests(digests)
    fates = [
        _fate(part, first[digest] == place)
        for place, (part, digest) in enumerate(zip(parts, digests, strict=True))
    ]
    same = np.array([first[digest] for digest in digests], np.int64)
    val = Labelled(images[places], labels[places])
    return StudyPictures(images, labels, np.array(fates), same, val)


def _fate(part: Literal["train", "val", "intruder"] | None, first: bool) -> Fate:
    if part is None:
        return "left out"
    return part if first or part == "intruder" else "duplicate"
