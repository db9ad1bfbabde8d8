"""Reads data sets of every kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bcauto.data.checks import check_image_size
from bcauto.data.class_names import warn_of_missing
from bcauto.data.folder import read_folder, read_folder_for_evaluation
from bcauto.data.labelled import ImageSet, NamedImages
from bcauto.data.npz import read_npz, read_npz_for_evaluation
from bcauto.data.rules import USUAL, ReadingRules
from bcauto.data.unread import check_kind
from bcauto.data.zipped import is_zip_of_pictures, unzipped
from bcauto.errors import BadInput
from bcauto.io.read_errors import is_folder

__all__ = ["read", "read_for_evaluation"]


def read(path: Path, image_size: int | None = None, rules: ReadingRules = USUAL) -> ImageSet:
    """Read the images to train on and, where the data set has its own, those to validate on.

    An npz file holds ``images`` (n, h, w, 3) RGB or (n, h, w) grey, both uint8, and ``labels``
    (n,), (n, 1) or one-hot (n, k), or the same two with the prefix ``train_``. It may also hold
    ``val_images`` and ``val_labels``, and ``class_names`` (k,), without which the names are "0",
    "1", ... Its ``test_`` arrays are never read. Labels are 0..k-1, and no class is missing.

    A folder holds one folder per class, in natural order ("2" before "10"), with pictures at any
    depth. Hidden files are ignored; other files are counted in a warning. Pictures are resized to
    the most frequent size among them. It may also hold parts such as ``train``, ``val``
    and ``test``, with one folder per class in each; see ``bcauto.data.layout``. ``test`` is never
    read. Or it holds pictures, and ``rules.labels`` says of which class each is. A
    zip of pictures is read as the folder that it holds.

    Args:
        path: the file or the folder.
        image_size: height and width to resize every image to, in pixels, at least 8.
        rules: what to do with pictures that are not as all others.

    Raises:
        BadInput: the data set breaks a rule; what can be checked is checked before pixels are read.
    """
    check_image_size(image_size)
    if is_zip_of_pictures(path):
        with unzipped(path) as folder:
            return read(folder, image_size, rules)
    _check_labels_for_folder(path, rules)
    if is_folder(path):
        return read_folder(path, image_size, rules)
    check_kind(path)
    return read_npz(path, image_size, rules.resize, rules.groups)


def read_for_evaluation(
    path: Path,
    image_size: tuple[int, int],
    class_names: tuple[str, ...] | int,
    rules: ReadingRules = USUAL,
) -> NamedImages:
    """Read every image of a test set, at a model's size and with its labels.

    An npz file holds ``images`` and ``labels``, or ``test_images`` and ``test_labels``, and maybe
    ``class_names``. A folder holds class folders, or a part ``test`` that does. Classes are matched
    by name, see ``bcauto.data.class_names``; what a name does not settle, and classes that are
    missing, are logged. A zip of pictures is read as the folder that it holds.

    Args:
        path: the file or the folder.
        image_size: the model's input, height and width in pixels.
        class_names: the model's classes in its order, or how many there are if they have no names.
        rules: what to do with pictures that are not as all others.

    Returns:
        Images (n, height, width, 3) uint8 RGB; labels (n,) int64, indices into the model's classes;
        names, such as ``test/a/1.png`` and ``test.npz[12]``.

    Raises:
        BadInput: the test set breaks a rule, or has a class that the model does not know.
    """
    check_image_size(min(image_size))
    if is_zip_of_pictures(path):
        with unzipped(path) as folder:
            found = read_for_evaluation(folder, image_size, class_names, rules)
        names = tuple(name.replace(str(folder), str(path), 1) for name in found.names)
        return replace(found, names=names)
    _check_labels_for_folder(path, rules)
    if isinstance(class_names, int):
        class_names = tuple(map(str, range(class_names)))
    if is_folder(path):
        found = read_folder_for_evaluation(path, image_size, class_names, rules)
    else:
        check_kind(path)
        found = read_npz_for_evaluation(path, image_size, class_names, rules.resize)
    warn_of_missing(found.labels, class_names, str(path))
    return found


def _check_labels_for_folder(path: Path, rules: ReadingRules) -> None:
    if rules.labels and not is_folder(path):
        raise BadInput(f"--labels goes with a folder of pictures, got {path}, which has its own")
