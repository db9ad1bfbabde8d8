"""Data as Python has it: arrays in memory become an npz file, which all else reads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bcauto.errors import BadInput
from bcauto.io.files import atomic_write, temporary_folder
from bcauto.study.folder import StudyFolder

__all__ = ["Data", "as_arrays", "as_file", "as_path", "as_study_file"]

Data = str | os.PathLike[str] | Sequence[ArrayLike] | Mapping[str, ArrayLike] | None
"""An ``.npz`` file, a folder or zip of class folders; ``(images, labels)``, after which
``val_images`` and ``val_labels`` may follow; a mapping with the arrays of an npz file by name; or
None for the built-in cells. Images are (n, h, w, 3) RGB or (n, h, w) grey, uint8. Labels are whole
numbers from 0, one-hot, or names of classes."""

_NAMES = ("images", "labels", "val_images", "val_labels")


def as_arrays(data: Data, class_names: Sequence[str] | None) -> dict[str, NDArray[Any]] | None:
    """Return data in memory as an npz file has it; None for data that is a file, or none.

    Raises:
        BadInput: it is neither two nor four arrays, or ``class_names`` goes with no arrays.
    """
    if data is None or isinstance(data, str | os.PathLike):
        if class_names is not None:
            raise BadInput("class_names goes with data that is arrays, got none")
        return None
    if isinstance(data, Mapping):
        arrays = {name: np.asarray(value) for name, value in data.items()}
    elif isinstance(data, Sequence) and len(data) in (2, 4):
        arrays = {name: np.asarray(value) for name, value in zip(_NAMES, data, strict=False)}
    else:
        got = f"{len(data)} values" if isinstance(data, Sequence) else type(data).__name__
        raise BadInput(f"data must be a path, (images, labels) or a mapping of arrays, got {got}")
    if class_names is not None:
        arrays["class_names"] = np.array(list(class_names), np.str_)
    return _with_whole_labels(arrays)


def as_path(data: Data) -> Path | None:
    """Return data that is a file or a folder as its path; None for any other."""
    return Path(data) if isinstance(data, str | os.PathLike) else None


def _with_whole_labels(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the same with labels that are names of classes as indices into all of them."""
    named = [
        name for name, values in arrays.items() if name.endswith("labels") and _is_text(values)
    ]
    if not named:
        return arrays
    found = np.unique(np.concatenate([arrays[name].astype(np.str_) for name in named]))
    classes = arrays.get("class_names", found)
    places = {name: place for place, name in enumerate(classes.tolist())}
    if unknown := [name for name in found.tolist() if name not in places]:
        raise BadInput(f"labels must be among class_names, got {unknown[0]!r}")
    indices = {name: np.array([places[str(each)] for each in arrays[name]]) for name in named}
    return {**arrays, **indices, "class_names": classes.astype(np.str_)}


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "US" or (
        values.dtype.kind == "O" and all(isinstance(each, str) for each in values.flat)
    )


@contextmanager
def as_file(data: Data, class_names: Sequence[str] | None = None) -> Iterator[Path | None]:
    """Yield data as a file or a folder; arrays are in one as long as the context is open."""
    arrays = as_arrays(data, class_names)
    if arrays is None:
        yield as_path(data)
        return
    with temporary_folder("data") as folder:
        file = folder / "data.npz"
        np.savez(file, **arrays)  # type: ignore[arg-type]
        yield file


@contextmanager
def as_study_file(arrays: dict[str, NDArray[Any]], folder: StudyFolder) -> Iterator[Path]:
    """Write arrays to the data file of a study, unless it has them already.

    The file is deleted again where the context ends with an error before the study is begun.

    Raises:
        BadInput: the study was begun with other arrays.
    """
    file = folder.data
    begun = folder.record.exists()
    if not (file.exists() and _same(file, arrays)):
        if begun:
            raise BadInput(
                f"study {folder.name!r} was begun with other data than these arrays. Give the same "
                "again, or begin another study with --study NAME"
            )
        with atomic_write(file) as partial:
            np.savez(partial, **arrays)  # type: ignore[arg-type]
    try:
        yield file
    finally:
        if not begun and not folder.record.exists():
            file.unlink(missing_ok=True)
            if not any(folder.path.iterdir()):
                folder.path.rmdir()


def _same(file: Path, arrays: dict[str, NDArray[Any]]) -> bool:
    with np.load(file, allow_pickle=False) as stored:
        return {*stored.files} == {*arrays} and all(
            stored[name].dtype == values.dtype and np.array_equal(stored[name], values)
            for name, values in arrays.items()
        )
