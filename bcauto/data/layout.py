"""What lies where in a data set's folder: its parts, its class folders and their pictures."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from bcauto.data.class_names import as_natural
from bcauto.data.image_file import SUFFIXES
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = [
    "ClassFolder",
    "Part",
    "all_pictures",
    "class_folders",
    "find_parts",
    "is_junk",
    "pictures_of_classes",
]

_log = logging.getLogger(__name__)

Part = Literal["train", "val", "test"]
"""What a part of a data set is for: to train on, to validate on, or to evaluate on."""

_PARTS: dict[Part, str] = {
    "train": r"train(ing)?",
    "val": r"val(id|idate|idation)?|dev",
    "test": r"test(ing)?",
}
_FILLERS = frozenset({"set", "data", "dataset", "images", "imgs", "pictures", "split", "seg"})
_UNLABELLED = re.compile(r"(un|not?[ _-]?)label+ed([ _-]\w+)?|unannotated", re.IGNORECASE)
_FOLD = re.compile(r"(fold|split|part|batch)[ _-]?\d+", re.IGNORECASE)
_JUNK = frozenset({
    "__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found",
    "system volume information",
})  # fmt: skip
_MOST_WRAPPERS = 8  # folders with nothing in them but one folder; links may lead round in circles
_NAMED = 3  # folders that a message names


class ClassFolder(NamedTuple):
    """The folder of a class, and its pictures at any depth."""

    name: str
    pictures: list[Path]


def find_parts(path: Path, classes: Collection[str] = ()) -> tuple[Path, dict[Part, Path]]:
    """Return the folder that holds the class folders or the parts, and the parts by name.

    Folders that only wrap another folder, as archives do, are opened. Folders such as ``train``,
    ``Training``, ``VAL``, ``valid`` or ``test_set`` are parts where they hold folders themselves.

    Args:
        path: the data set's folder.
        classes: names that folders of classes have for certain, so that they are no wrappers.

    Returns:
        The folder, and its parts; no parts where it holds class folders itself.

    Raises:
        BadInput: parts hold no class folders, or it is not clear what is a part.
    """
    for _ in range(_MOST_WRAPPERS):
        folders, files = _entries(path)
        if parts := _parts(path, folders):
            return path, parts
        if len(folders) != 1 or folders[0].name in classes or any(map(_is_picture, files)):
            break
        deeper, inner = _entries(folders[0])
        if not deeper or any(map(_is_picture, inner)):
            break
        path = folders[0]
    return path, {}


def class_folders(path: Path, classes: Collection[str] = ()) -> list[Path]:
    """Return the class folders in ``path`` in natural order ("2" before "10"), at least one.

    A folder that is named as unlabelled, or as a part to test on, is left out with a warning where
    two other folders are there, unless its name is among ``classes``.

    Raises:
        BadInput: there are no folders, or they are folds of a cross-validation.
    """
    folders, others = _entries(path)
    folders.sort(key=lambda folder: as_natural(folder.name))
    if not folders:
        pictures = sum(map(_is_picture, others))
        remedy = ": give a CSV file of their labels with --labels"
        got = f"{pictures} pictures outside of any{remedy}" if pictures else "none"
        raise BadInput(f"{path}: needs a folder of pictures for each class, got {got}")
    if all(_FOLD.fullmatch(folder.name) and _entries(folder)[0] for folder in folders):
        raise BadInput(
            f"{path}: needs a folder for each class, got folds ({_listed(folders)}): "
            f"give one of them, such as {folders[0]}, or move their class folders together"
        )
    _warn_of_swapped(path, folders)
    unlabelled = [f for f in folders if f.name not in classes and _holds_no_class(f)]
    labelled = [folder for folder in folders if folder not in unlabelled]
    if not unlabelled or len(labelled) < 2:
        return folders
    _log.warning("%s: left out %s, which is no class", path, _listed(unlabelled))
    return labelled


def pictures_of_classes(path: Path, folders: Iterable[Path]) -> list[ClassFolder]:
    """Return the pictures below each of the class folders in ``path``; warn of other files.

    Pictures that lie in a class folder itself come first, then those of the folders in it (such as
    one for each patient), both in alphabetical order. Links to folders are not followed there.

    Raises:
        BadInput: there is a part, such as ``train``, below a class folder.
    """
    found = []
    others = _entries(path)[1]
    for folder in folders:
        pictures, rest = _below(folder)
        others += rest
        found.append(ClassFolder(folder.name, pictures))
    _warn_of(path, others)
    return found


def all_pictures(folder: Path) -> list[Path]:
    """Return all pictures in a folder, at any depth; links to folders are not followed."""
    folders, files = _entries(folder)
    deeper = [found for one in folders if not one.is_symlink() for found in all_pictures(one)]
    return [*filter(_is_picture, files), *deeper]


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in ``folder``, in alphabetical order.

    Hidden ones are left out, and what systems and archives leave behind.
    """
    with refuse_unreadable(folder):
        entries = sorted(entry for entry in folder.iterdir() if not is_junk(entry.name))
        folders = [entry for entry in entries if entry.is_dir()]
        return folders, [entry for entry in entries if not entry.is_dir()]


def is_junk(name: str) -> bool:
    """Return whether a file or folder is hidden, or called as what systems and archives leave."""
    return name.startswith(".") or name.lower() in _JUNK


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _part_named(name: str) -> Part | None:
    """Return the part that a folder's name means, if any: one of its words, and no other word."""
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word not in _FILLERS]
    for part, pattern in _PARTS.items():
        if len(words) == 1 and re.fullmatch(rf"({pattern})(set|data)?\d*", words[0]):
            return part
    return None


def _holds_no_class(folder: Path) -> bool:
    return bool(_UNLABELLED.fullmatch(folder.name)) or _part_named(folder.name) == "test"


def _warn_of_swapped(path: Path, folders: Sequence[Path]) -> None:
    """Log that class folders may be patients, where all hold the same few folders."""
    inner = [{folder.name for folder in _entries(outer)[0]} for outer in folders]
    names = set[str]().union(*inner)
    if all(inner) and 1 < len(names) < len(folders):
        _log.warning(
            "%s: takes its %d folders as classes (%s), each of which holds folders such as %s; "
            "where those are the classes, move theirs together, one folder for each class",
            *(path, len(folders), _listed(folders), ", ".join(map(repr, sorted(names)[:_NAMED]))),
        )


def _parts(path: Path, folders: Sequence[Path]) -> dict[Part, Path]:
    """Return the parts among the folders of ``path``; none where they are class folders."""
    named: dict[Part, list[Path]] = {}
    for folder in folders:
        if part := _part_named(folder.name):
            named.setdefault(part, []).append(folder)
    parts = [folder for found in named.values() for folder in found]
    others = [f for f in folders if f not in parts and not _holds_no_class(f)]
    if not any(_entries(part)[0] for part in parts):
        if "train" in named and len(named) > 1 and not others:
            raise BadInput(f"{path}: {_listed(parts)} must hold a folder for each class, got none")
        return {}
    if others and len(named) == 1:
        if "train" in named and any(_below(other)[0] for other in others):
            raise BadInput(
                f"{path}: cannot tell whether {_listed(parts)} is a class or a part, beside "
                f"{_listed(others)}: give {parts[0]} to train on its folders as classes"
            )
        return {} if "train" not in named else {"train": _only("train", named["train"])}
    if others:
        _log.warning("%s: left out %s beside %s", path, _listed(others), _listed(parts))
    return {part: _only(part, found) for part, found in named.items()}


def _only(part: Part, folders: Sequence[Path]) -> Path:
    if len(folders) > 1:
        raise BadInput(
            f"{folders[0].parent}: must have one folder to {part} on, got {_listed(folders)}: "
            "move the others away"
        )
    return folders[0]


def _below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the pictures in a class folder at any depth, and what is no picture."""
    folders, files = _entries(folder)
    pictures = [file for file in files if _is_picture(file)]
    others = [file for file in files if not _is_picture(file)]
    for deeper in folders:
        if _part_named(deeper.name):
            raise BadInput(
                f"{deeper}: a part of a data set must not lie below a class folder; "
                f"give {folder} if its folders are the parts, or move them together above"
            )
        found, rest = ([], []) if deeper.is_symlink() else _below(deeper)
        pictures += found
        others += rest if found else [deeper]
    return pictures, others


def _warn_of(path: Path, others: Sequence[Path]) -> None:
    """Log how many files and folders are ignored, by suffix."""
    if not others:
        return
    kinds = Counter("folders" if p.is_dir() else p.suffix.lower() or "no suffix" for p in others)
    listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(5))
    _log.warning("%s: ignored %d that are not pictures of a class (%s)", path, len(others), listed)


def _listed(folders: Sequence[Path]) -> str:
    names = ", ".join(repr(folder.name) for folder in folders[:_NAMED])
    return f"{names}, ..." if len(folders) > _NAMED else names
