"""Classes of a data set found among those of a model, or of another data set, by their names.

Labels of two data sets are not comparable: "10" may be the second class of one and the tenth of
the other. Their names are, and where all names are numbers, so are the numbers ("2" and "02").
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from bcauto.data.checks import check_in_range
from bcauto.data.labelled import Labels
from bcauto.errors import BadInput, did_you_mean

__all__ = ["match_labels", "match_names", "match_ordered_names", "warn_of_missing"]

_log = logging.getLogger(__name__)

_SHOWN = 6  # names in a message


def match_names(
    theirs: Sequence[str], names: Sequence[str], where: str, whose: str = "the model"
) -> Labels:
    """Return the indices in ``names`` of the classes ``theirs``, (k,) int64.

    Raises:
        BadInput: a class of theirs is not among the names.
    """
    legal: Sequence[object] = names
    wanted: Sequence[object] = theirs
    if (numbers := _numbers(names)) and (their_numbers := _numbers(theirs)):
        legal, wanted = numbers, their_numbers
    places = {name: place for place, name in enumerate(legal)}
    for name, want in zip(theirs, wanted, strict=True):
        if want not in places:
            raise BadInput(
                f"{where}: {name!r} is not a class of {whose}; {did_you_mean(name, names)}"
            )
    return np.array([places[want] for want in wanted], np.int64)


def match_ordered_names(theirs: Sequence[str], names: Sequence[str], where: str) -> Labels:
    """Return the same for classes that have an order, which fits a model whose classes have none.

    Such a model calls its classes "0", "1", ...; that they are taken in their order is logged.

    Raises:
        BadInput: a class of theirs is not among the names, or the model has another number of them.
    """
    nameless = _numbers(names) == list(range(len(names)))
    if not nameless or _numbers(theirs):
        return match_names(theirs, names, where)
    if len(theirs) != len(names):
        raise BadInput(
            f"{where}: the model's {len(names)} classes have no names, so that these must be as "
            f"many, got {len(theirs)}"
        )
    _log.warning("%s: the model's classes have no names; taken as %s", where, _listed(theirs))
    return np.arange(len(names))


def match_labels(labels: Labels, names: Sequence[str], where: str) -> Labels:
    """Return labels of classes without names as indices into ``names``.

    Where all names are numbers, a label is such a number: label 10 is class "10". Otherwise it is
    an index already. Each is logged where it could be meant otherwise.

    Raises:
        BadInput: a label is no class.
    """
    numbers = _numbers(names)
    if numbers is None or numbers == list(range(len(names))):
        check_in_range(labels, len(names), where)
        if numbers is None:
            _log.warning("%s: its classes have no names; taken as %s", where, _listed(names))
        return labels
    places = {number: place for place, number in enumerate(numbers)}
    used, of_each = np.unique(labels, return_inverse=True)
    for label in used.tolist():
        if label not in places:
            raise BadInput(
                f"{where}: must be among the model's classes, which are called "
                f"{_shortened(names)}, got {label}; where labels count another list of names, "
                "add that list as class_names"
            )
    _log.warning(
        "%s: its classes have no names; taken as the model's: %s", where, _shortened(names)
    )
    return np.array([places[label] for label in used.tolist()], np.int64)[of_each]


def warn_of_missing(labels: Labels, names: Sequence[str], where: str) -> None:
    """Log which of the classes have no image."""
    missing = [name for label, name in enumerate(names) if label not in {*labels.tolist()}]
    if missing:
        known = f"{len(missing)} of {len(names)} classes"
        _log.warning("%s: has no image of %s (%s)", where, known, _shortened(missing))


def _numbers(names: Sequence[str]) -> list[int] | None:
    """Return the numbers that the names are; None where one is not, or two are the same."""
    if not all(name.isascii() and name.isdigit() for name in names):
        return None
    numbers = [int(name) for name in names]
    return numbers if len({*numbers}) == len(numbers) else None


def _listed(names: Sequence[str]) -> str:
    """Return the first few classes with their places."""
    return _shortened([f"{place} {name!r}" for place, name in enumerate(names)])


def _shortened(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
