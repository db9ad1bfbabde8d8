"""Groups of pictures that no split may part, such as all pictures of one patient.

``--groups`` says what makes them: a CSV file, a column of the ``--labels`` file, an array of an npz
file, or a pattern in the files' names. Without it, folders between class and pictures are groups,
and so is the array ``groups`` of an npz file. ``none`` says that there are none.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bcauto.data.group_file import find_group_column, read_group_column
from bcauto.data.labelled import Groups, Labels
from bcauto.data.rules import ReadingRules
from bcauto.errors import BadInput
from bcauto.io.npz_archive import Archive

__all__ = [
    "NO_GROUPS",
    "Grouping",
    "absolute_groups",
    "archive_groups",
    "group_file",
    "picture_groups",
]

_log = logging.getLogger(__name__)

NO_GROUPS = "none"
"""What ``--groups`` is called where there shall be no groups."""

Grouping = tuple[Groups | None, str]
"""Groups, and where they come from in words; or None and ""."""

_NAMED = 3  # pictures or folders that a message names
_RULE = (
    "--groups must be a CSV file, FILE:COLUMN, a column of the --labels file, or a pattern with "
    "one group in parentheses such as '(P[0-9]+)_'"
)


def picture_groups(
    path: Path, paths: Sequence[Path], labels: Labels, names: Sequence[str], rules: ReadingRules
) -> Grouping:
    """Return the groups of a folder's pictures.

    Args:
        path: the data set's folder.
        paths: the pictures.
        labels: the class of each.
        names: the classes.
        rules: what ``--groups`` and ``--labels`` say.

    Raises:
        BadInput: ``rules.groups`` is none of what it may be, or does not fit the pictures.
    """
    given = rules.groups
    if given == NO_GROUPS:
        return None, ""
    if given is None:
        if rules.labels is None:
            return _of_folders(path, paths, labels, names)
        if column := find_group_column(rules.labels):
            _log.warning(
                "%s: has a column %r: give --groups %s if no split may part its values",
                *(rules.labels, column, column),
            )
        return None, ""
    file, column = _file_and_column(given, rules.labels)
    if file is None:
        return _of_pattern(path, paths, given)
    found, column = read_group_column(file, path, column)
    return _of_file(file, paths, found), f"column {column!r} of {file.name}"


def archive_groups(
    archive: Archive, prefixes: Sequence[str], given: str | None
) -> tuple[list[Groups | None], str]:
    """Return the groups of each part of an npz file, and where they come from.

    Args:
        archive: the file.
        prefixes: of the parts' arrays, such as ``train_`` and ``val_``.
        given: what ``--groups`` says: the name of an array, with or without a prefix.

    Raises:
        BadInput: the array is missing, or holds no group for each image.
    """
    nothing: list[Groups | None] = [None for _ in prefixes]
    if given == NO_GROUPS:
        return nothing, ""
    name = (given or "groups").removeprefix(prefixes[0])
    keys = [f"{prefix}{name}" for prefix in prefixes]
    if keys[0] not in archive.keys and name in archive.keys and len(prefixes) == 1:
        keys = [name]
    if keys[0] not in archive.keys:
        if given is None:
            return nothing, ""
        raise BadInput(
            f"{archive.path}: --groups must name one of its arrays, which has the group of each "
            f"image, got {given!r}; its arrays are {archive.listed}"
        )
    found = [
        _array(archive, key, f"{prefix}labels") if key in archive.keys else None
        for key, prefix in zip(keys, prefixes, strict=True)
    ]
    return found, f"array {keys[0]!r}"


def group_file(given: str) -> Path | None:
    """Return the file that ``--groups`` names, as FILE or FILE:COLUMN, whether it is there or not.

    None where it is something else: a name, or a pattern.
    """
    before = given.rpartition(":")[0]
    for name in (given, before):
        if name and Path(name).is_file():
            return Path(name)
    return Path(before or given) if Path(given).is_absolute() and "(" not in given else None


def absolute_groups(given: str) -> str:
    """Return the same with an absolute path where there is one."""
    file = group_file(given)
    return given if file is None else str(file.resolve()) + given.removeprefix(str(file))


def _array(archive: Archive, key: str, labels: str) -> Groups:
    """Return an array of groups as text; what is not a number or empty is a group of its own."""
    shape, dtype = archive.header(key)
    count = archive.header(labels).shape[0]
    if shape not in ((count,), (count, 1)) or dtype.kind not in "biufSU":
        raise BadInput(
            f"{archive.where(key)}: groups must be numbers or text of shape ({count},), one for "
            f"each image, got {dtype} of shape {shape}; --groups {NO_GROUPS} ignores them"
        )
    values = archive.read(key).reshape(-1)
    texts = np.char.strip(values.astype(np.str_))
    return np.where(texts == "nan", "", texts) if dtype.kind == "f" else texts


def _file_and_column(given: str, labels: Path | None) -> tuple[Path | None, str | None]:
    """Return the CSV file that is meant and its column; None for either that is not said."""
    if file := group_file(given):
        return file, given.removeprefix(str(file)).removeprefix(":") or None
    if labels and find_group_column(labels, given):
        return labels, given
    return None, None


def _of_file(file: Path, paths: Sequence[Path], found: Mapping[Path, str]) -> Groups:
    groups = [found.get(picture, "") for picture in paths]
    if alone := groups.count(""):
        _log.warning(
            "%s: has no group for %d of %d pictures, each is a group of its own",
            *(file, alone, len(paths)),
        )
    if alone == len(paths):
        raise BadInput(f"{file}: must have the group of each picture, got none")
    return np.array(groups, np.str_)


def _of_pattern(path: Path, paths: Sequence[Path], given: str) -> Grouping:
    """Return what a pattern finds in the pictures' names, or else in their paths below ``path``."""
    try:
        pattern = re.compile(given)
    except re.error as error:
        raise BadInput(
            f"{_RULE}, got {given!r}, which is no file and no pattern ({error})"
        ) from None
    if pattern.groups != 1:
        raise BadInput(f"{_RULE}, got {given!r}, which is no file and has {pattern.groups} groups")
    inner = [picture.relative_to(path).as_posix() for picture in paths]
    best: list[str] = []
    for texts in ([picture.name for picture in paths], inner):
        matches = map(pattern.search, texts)
        found = [match.group(1) or "" if match else "" for match in matches]
        if not best or found.count("") < best.count(""):
            best = found
    if missing := [text for text, group in zip(inner, best, strict=True) if not group]:
        more = ", ..." if len(missing) > _NAMED else ""
        raise BadInput(
            f"--groups {given!r} must match the name or the path of every picture, got "
            f"{len(missing)} of {len(paths)} without a match "
            f"({', '.join(map(repr, missing[:_NAMED]))}{more})"
        )
    return np.array(best, np.str_), f"pattern {given!r}"


# --- folders between class and pictures ---------------------------------------------------------


def _of_folders(
    path: Path, paths: Sequence[Path], labels: Labels, names: Sequence[str]
) -> Grouping:
    """Return the folder between class and picture that each picture lies in, at the best level.

    That is the uppermost level at which every class has two folders or more, called as patients and
    slides are, with a number; or else any names. The same name in two classes is one group.
    """
    between = [
        _between(picture.relative_to(path), names[at])
        for picture, at in zip(paths, labels.tolist(), strict=True)
    ]
    levels = range(max(map(len, between), default=0))
    candidates = [
        np.array([folders[level] if level < len(folders) else "" for folders in between], np.str_)
        for level in levels
    ]
    parting = [groups for groups in candidates if _parts_every_class(groups, labels)]
    if not parting:
        several = [groups for groups in candidates if np.unique(groups[groups != ""]).size > 1]
        if several:
            _log.warning(
                "%s: folders between class and pictures (%s) are not taken as groups, since a "
                "class lies in one of them",
                *(path, _some(several[0])),
            )
        return None, ""
    numbered = [groups for groups in parting if _mostly_numbered(groups)]
    best = (numbered or parting)[0]
    return best, f"folders such as {_some(best)}"


def _between(inner: Path, name: str) -> tuple[str, ...]:
    """Return the folders between a class's folder and a picture."""
    folders = inner.parts[:-1]
    return folders[folders.index(name) + 1 :] if name in folders else ()


def _parts_every_class(groups: Groups, labels: Labels) -> bool:
    """Return whether groups are more than one in every class, and not all pictures alone."""
    for label in np.unique(labels):
        of_class = groups[labels == label]
        if np.unique(of_class[of_class != ""]).size + (of_class == "").sum() < 2:
            return False
    return bool(np.unique(groups[groups != ""]).size > 1)


def _mostly_numbered(groups: Groups) -> bool:
    folders = np.unique(groups[groups != ""])
    return 2 * sum(any(map(str.isdigit, folder)) for folder in folders.tolist()) >= folders.size


def _some(groups: Groups) -> str:
    folders = np.unique(groups[groups != ""]).tolist()
    return ", ".join(map(repr, folders[:_NAMED])) + (", ..." if len(folders) > _NAMED else "")
