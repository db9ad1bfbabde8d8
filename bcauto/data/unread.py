"""Why a folder or a file holds nothing to read, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bcauto.data.listing import Listing, entries
from bcauto.errors import BadInput

__all__ = ["check_kind", "check_no_class_is_empty"]

_SAVE = "save its images and labels as an .npz file, or as a folder of pictures for each class"
_REMEDIES = {
    (".h5", ".hdf5", ".parquet", ".arrow", ".tfrecord", ".mat", ".pkl", ".pickle", ".pt"): _SAVE,
    (".npy",): "save its images together with their labels: np.savez('data.npz', images=..., "
    "labels=...)",
    (".gz", ".tgz", ".tar", ".bz2", ".xz", ".rar", ".7z"): "unpack it and give its folder",
    (".csv", ".tsv", ".txt"): "give the folder of the pictures as --data, and this file as "
    "--labels",
    (".json", ".jsonl", ".xlsx", ".xls"): "give the folder of the pictures as --data, and a CSV "
    "file of their labels as --labels",
    (".yaml", ".yml"): "give the folder that it names",
    (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif"): "give the folder of all "
    "class folders",
}


def check_kind(path: Path) -> None:
    """Refuse a file whose suffix is that of no data set, with what to do about its kind."""
    suffix = path.suffix.lower()
    for suffixes, remedy in _REMEDIES.items():
        if suffix in suffixes:
            rule = "must be an .npz file, or a folder or zip of class folders"
            raise BadInput(f"{path}: {rule}: {remedy}")


def check_no_class_is_empty(path: Path, classes: Mapping[Path, Listing]) -> None:
    """Refuse class folders without a picture.

    Args:
        path: what holds the class folders.
        classes: what lies below each class folder.

    Raises:
        BadInput: one is empty; the message says what is there, and what to do.
    """
    empty = [folder for folder, listing in classes.items() if not listing.pictures]
    if not empty:
        return
    full = [folder for folder in classes if folder not in empty]
    if len(full) == 1 and entries(full[0])[0]:  # beside what is said of its pictures
        raise BadInput(
            f"{path}: needs a folder of pictures for each class, got pictures in {full[0].name!r} "
            f"only: give {full[0]}"
        )
    first = empty[0]
    where = f"{path}: needs pictures in each class folder, got none in {first.name!r}"
    if links := [other for other in classes[first].others if other.is_symlink()]:
        raise BadInput(
            f"{where}: {len(links)} links there, such as {links[0].name}, lead to files that are "
            "missing: fetch these (git annex get, dvc pull), or mend the links"
        )
    kinds = Counter(other.suffix.lower() for other in classes[first].others if other.is_file())
    if kinds:
        kind, count = kinds.most_common(1)[0]
        raise BadInput(
            f"{where}, which holds {count} files {kind or 'without a suffix'}: save pictures of "
            "another format as PNG or TIFF, or move the folder away where it is no class"
        )
    raise BadInput(f"{where}: move {first} away where it is no class, or put its pictures there")
