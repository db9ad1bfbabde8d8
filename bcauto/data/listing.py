"""The files in the folders of a data set: pictures, their masks, and what is neither."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bcauto.data.image_file import SUFFIXES
from bcauto.data.parts import holds_masks, holds_pictures, part_named, split_masks
from bcauto.errors import BadInput
from bcauto.io.read_errors import refuse_unreadable

__all__ = [
    "Listing",
    "all_files",
    "all_pictures",
    "entries",
    "is_junk",
    "is_picture",
    "labels_remedy",
    "listed",
    "pictures_of_classes",
    "without_masks",
]

_log = logging.getLogger(__name__)

_JUNK = frozenset({
    "__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found",
    "system volume information",
})  # fmt: skip
_NAMED = 3  # folders or files that a message names


@dataclass
class Listing:
    """What lies below a class folder, at any depth: pictures, masks of these, and other entries."""

    pictures: list[Path] = field(default_factory=list)
    masks: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def extend(self, other: Listing) -> None:
        """Add what another listing has, behind."""
        self.pictures += other.pictures
        self.masks += other.masks
        self.others += other.others


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in ``folder``, in alphabetical order.

    Hidden ones are left out, and what systems and archives leave behind.
    """
    with refuse_unreadable(folder):
        found = sorted(entry for entry in folder.iterdir() if not is_junk(entry.name))
        folders = [entry for entry in found if entry.is_dir()]
        return folders, [entry for entry in found if not entry.is_dir()]


def is_junk(name: str) -> bool:
    """Return whether a file or folder is hidden, or called as what systems and archives leave."""
    return name.startswith(".") or name.lower() in _JUNK


def is_picture(path: Path) -> bool:
    """Return whether a path is called as a picture and is a file."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def without_masks(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return folders without those of masks, and those; one of pictures must be beside them."""
    if not any(holds_pictures(folder.name) for folder in folders):
        return [*folders], []
    masks = [folder for folder in folders if holds_masks(folder.name)]
    return [folder for folder in folders if folder not in masks], masks


def all_pictures(folder: Path) -> list[Path]:
    """Return all pictures in a folder, at any depth, without folders of masks.

    Links to folders are not followed.
    """
    return [file for file in all_files(folder) if is_picture(file)]


def all_files(folder: Path) -> list[Path]:
    """Return all files in a folder, pictures or not, as ``all_pictures`` finds them."""
    folders, files = entries(folder)
    folders, _ = without_masks(folders)
    deeper = [found for one in folders if not one.is_symlink() for found in all_files(one)]
    return [*files, *deeper]


def pictures_of_classes(path: Path, folders: Iterable[Path]) -> list[Listing]:
    """Return what lies below each of the class folders in ``path``; warn of what is no picture.

    Pictures that lie in a class folder itself come first, then those of the folders in it (such as
    one for each patient), both in alphabetical order. Links to folders are not followed there.

    Raises:
        BadInput: there is a part, such as ``train``, below a class folder.
    """
    classes = [_below(folder) for folder in folders]
    others = [other for of_class in classes for other in of_class.others]
    _warn_of_others(path, [*entries(path)[1], *others])
    masks = [mask for of_class in classes for mask in of_class.masks]
    if masks:
        shown = listed(masks)
        _log.warning("%s: left out %d masks of pictures (%s)", path, len(masks), shown)
    return classes


def labels_remedy(folder: Path) -> str:
    """Return what to do about pictures without class folders, with the CSV file that is there."""
    files = [file for file in entries(folder)[1] if file.suffix.lower() == ".csv"]
    named = sorted(files, key=lambda file: "label" not in file.name and "train" not in file.name)
    file = f"{named[0]}" if named else "a CSV file of their labels"
    return f"give {file} with --labels"


def listed(paths: Sequence[Path]) -> str:
    """Return the names of the first few paths."""
    names = ", ".join(repr(path.name) for path in paths[:_NAMED])
    return f"{names}, ..." if len(paths) > _NAMED else names


def _below(folder: Path) -> Listing:
    """Return what lies in a class folder, at any depth."""
    folders, files = entries(folder)
    pictures = [file for file in files if is_picture(file)]
    masks = split_masks([picture.stem for picture in pictures])
    found = Listing(
        [picture for picture, mask in zip(pictures, masks, strict=True) if not mask],
        [picture for picture, mask in zip(pictures, masks, strict=True) if mask],
        [file for file in files if not is_picture(file)],
    )
    folders, of_masks = without_masks(folders)
    found.masks += [mask for one in of_masks for mask in all_pictures(one)]
    for deeper in folders:
        if part_named(deeper.name):
            raise BadInput(
                f"{deeper}: a part of a data set must not lie below a class folder; "
                f"give {folder} if its folders are the parts, or move them together above"
            )
        inner = Listing() if deeper.is_symlink() else _below(deeper)
        if not inner.pictures:
            inner.others = [deeper]
        found.extend(inner)
    return found


def _warn_of_others(path: Path, others: Sequence[Path]) -> None:
    """Log how many files and folders are ignored, by suffix."""
    if not others:
        return
    kinds = Counter("folders" if p.is_dir() else p.suffix.lower() or "no suffix" for p in others)
    shown = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(5))
    _log.warning("%s: ignored %d that are not pictures of a class (%s)", path, len(others), shown)
