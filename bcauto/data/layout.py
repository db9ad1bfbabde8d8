"""What lies where in a data set's folder: its parts and its class folders."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bcauto.data.listing import (
    all_pictures,
    entries,
    is_picture,
    labels_remedy,
    listed,
    without_masks,
)
from bcauto.data.parts import Part, holds_pictures, is_version, part_named
from bcauto.errors import BadInput
from bcauto.order import as_natural

__all__ = ["Classes", "Layout", "find_layout"]

_log = logging.getLogger(__name__)

_UNLABELLED = re.compile(r"(un|not?[ _-]?)label+ed([ _-]\w+)?|unannotated", re.IGNORECASE)
_FOLD = re.compile(r"(fold|split|part|batch)[ _-]?\d+", re.IGNORECASE)
_MOST_WRAPPERS = 8  # folders with nothing in them but one folder; links may lead round in circles
_NAMED = 3  # folders that a message names


class Classes(NamedTuple):
    """The folder that holds class folders, and each class' folder by its name."""

    path: Path
    folders: dict[str, Path]


@dataclass(frozen=True)
class Layout:
    """A data set's folder and its parts.

    Attributes:
        path: what holds the class folders or the parts.
        parts: the folders of each part; none where ``path`` holds class folders alone.
        in_classes: whether each class folder holds the parts, as ``cat/train`` and ``cat/test``.
    """

    path: Path
    parts: Mapping[Part, Sequence[Path]]
    in_classes: bool = False

    def classes(self, part: Part, known: Collection[str] = ()) -> Classes:
        """Return the classes of a part, in natural order; of all where there are no parts.

        Args:
            part: one of ``parts``, where there are any.
            known: names that folders of classes have for certain.

        Raises:
            BadInput: several folders are called as the part, or it holds no class folders.
        """
        if self.in_classes:
            return Classes(self.path, {one.parent.name: one for one in self.parts[part]})
        top = self.path
        if self.parts:
            top = _unwrapped(_only(part, self.parts[part]), part, known)
        return Classes(top, {one.name: one for one in _class_folders(top, known)})


def find_layout(path: Path, known: Collection[str] = ()) -> Layout:
    """Return the folder that holds the class folders or the parts, and the parts.

    Folders that only wrap another folder, as archives do, are opened. Folders such as ``train``,
    ``Training``, ``VAL``, ``valid`` or ``test_set`` are parts where they hold folders themselves,
    or where every class folder holds such folders and nothing else.

    Args:
        path: the data set's folder.
        known: names that folders of classes have for certain, so that they are no wrappers.

    Raises:
        BadInput: parts hold no class folders, or it is not clear what is a part.
    """
    for _ in range(_MOST_WRAPPERS):
        folders, files = entries(path)
        folders, masks = without_masks(folders)
        if masks:
            _log.warning("%s: left out %s, masks of pictures", path, listed(masks))
        if parts := _parts(path, folders):
            return Layout(path, parts)
        if len(folders) != 1 or folders[0].name in known or any(map(is_picture, files)):
            break
        deeper, inner = entries(folders[0])
        if not deeper or any(map(is_picture, inner)):
            break
        path = folders[0]
    parts = _parts_in_classes(entries(path)[0])
    return Layout(path, parts, in_classes=bool(parts))


# --- the parts ---------------------------------------------------------------------------------


def _parts(path: Path, folders: Sequence[Path]) -> dict[Part, list[Path]]:
    """Return the parts among the folders of ``path``; none where they are class folders."""
    named: dict[Part, list[Path]] = {}
    for folder in folders:
        if part := part_named(folder.name):
            named.setdefault(part, []).append(folder)
    parts = [folder for found in named.values() for folder in found]
    others = [f for f in folders if f not in parts and not _holds_no_class(f)]
    if not any(entries(part)[0] for part in parts):
        if "train" in named and len(named) > 1 and not others:
            remedy = f"{labels_remedy(path)}, and {named['train'][0]} as --data"
            raise BadInput(
                f"{path}: {listed(parts)} must hold a folder for each class, got none: {remedy}"
            )
        return {}
    if others and len(named) == 1:
        if "train" in named and any(map(all_pictures, others)):
            raise BadInput(
                f"{path}: cannot tell whether {listed(parts)} is a class or a part, beside "
                f"{listed(others)}: give {parts[0]} to train on its folders as classes"
            )
        return named if "train" in named else {}
    if others:
        _log.warning("%s: left out %s beside %s", path, listed(others), listed(parts))
    return named


def _parts_in_classes(folders: Sequence[Path]) -> dict[Part, list[Path]]:
    """Return the parts below class folders; none where a class folder holds anything else."""
    found: dict[Part, list[Path]] = {}
    for folder in sorted(folders, key=lambda folder: as_natural(folder.name)):
        inner, files = entries(folder)
        if not inner or any(map(is_picture, files)):
            return {}
        for deeper in inner:
            part = part_named(deeper.name)
            if part is None or entries(deeper)[0]:
                return {}
            found.setdefault(part, []).append(deeper)
    once = all(len({one.parent for one in of_part}) == len(of_part) for of_part in found.values())
    return found if once and len(folders) > 1 else {}


def _only(part: Part, folders: Sequence[Path]) -> Path:
    if len(folders) > 1:
        away = "move the others away"
        remedy = f"give one of them, such as {folders[0]}" if part == "test" else away
        raise BadInput(
            f"{folders[0].parent}: must have one folder to {part} on, got {listed(folders)}: "
            f"{remedy}"
        )
    return folders[0]


def _unwrapped(folder: Path, part: Part, known: Collection[str]) -> Path:
    """Return what holds the classes of a part, as in ``train/train`` and ``train/images``."""
    folders, files = _without_masks(folder)
    if len(folders) != 1 or folders[0].name in known or any(map(is_picture, files)):
        return folder
    again = part_named(folders[0].name) == part or holds_pictures(folders[0].name)
    return folders[0] if again and entries(folders[0])[0] else folder


# --- the classes -------------------------------------------------------------------------------


def _class_folders(path: Path, known: Collection[str]) -> list[Path]:
    """Return the class folders in ``path`` in natural order ("2" before "10"), at least one.

    A folder that is named as unlabelled, or as a part to test on, is left out with a warning where
    two other folders are there, unless its name is known; and so is one that holds the same
    folders as those beside it.

    Raises:
        BadInput: there are no folders, or they are folds, or versions of the same pictures.
    """
    folders, others = _without_masks(path)
    folders.sort(key=lambda folder: as_natural(folder.name))
    if not folders:
        pictures = sum(map(is_picture, others))
        remedy = f": {labels_remedy(path)}"
        got = f"{pictures} pictures outside of any{remedy}" if pictures else "none"
        raise BadInput(f"{path}: needs a folder of pictures for each class, got {got}")
    if all(_FOLD.fullmatch(folder.name) and entries(folder)[0] for folder in folders):
        raise BadInput(
            f"{path}: needs a folder for each class, got folds ({listed(folders)}): "
            f"give one of them, such as {folders[0]}, or move their class folders together"
        )
    _check_repetition(path, folders)
    no_classes = [f for f in folders if f.name not in known and _holds_no_class(f)]
    no_classes += _copies_of_all([f for f in folders if f not in no_classes])
    labelled = [folder for folder in folders if folder not in no_classes]
    if not no_classes or len(labelled) < 2:
        return folders
    what = "is no class" if len(no_classes) == 1 else "are no classes"
    _log.warning("%s: left out %s, which %s", path, listed(no_classes), what)
    return labelled


def _without_masks(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders in ``path`` but for those of masks, and the files."""
    folders, files = entries(path)
    return without_masks(folders)[0], files


def _holds_no_class(folder: Path) -> bool:
    return bool(_UNLABELLED.fullmatch(folder.name)) or part_named(folder.name) == "test"


def _copies_of_all(folders: Sequence[Path]) -> list[Path]:
    """Return folders that hold folders called as all the others here, as some archives do."""
    names = {folder.name for folder in folders}
    held = {folder: {inner.name for inner in entries(folder)[0]} for folder in folders}
    return [f for f, inner in held.items() if len(names) > 2 and names - {f.name} <= inner]


def _check_repetition(path: Path, folders: Sequence[Path]) -> None:
    """Refuse versions of the same pictures; log that class folders may be patients.

    Either is told by all folders holding folders that are called the same.
    """
    inner = [{folder.name for folder in entries(outer)[0]} for outer in folders]
    names = set[str]().union(*inner)
    if not all(inner) or len(names) < 2:
        return
    shown = ", ".join(map(repr, sorted(names, key=as_natural)[:_NAMED]))
    if len(folders) > 1 and all(is_version(folder.name) for folder in folders):
        raise BadInput(
            f"{path}: needs a folder for each class, got versions of the same classes "
            f"({listed(folders)}, each with {shown}): give one of them, such as {folders[0]}"
        )
    if len(names) < len(folders):
        _log.warning(
            "%s: takes its %d folders as classes (%s), each of which holds folders such as %s; "
            "where those are the classes, move theirs together, one folder for each class",
            *(path, len(folders), listed(folders), shown),
        )
