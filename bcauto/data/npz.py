"""Data sets in npz files: the challenge's layout and MedMNIST's."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from pathlib import Path

import numpy as np

from bcauto.data.checks import (
    check_bytes,
    check_classes,
    check_image_array,
    check_in_range,
    check_label_array,
    check_names,
    check_no_gaps,
    one_of_each,
    rgb_shape,
    whole_labels,
)
from bcauto.data.class_names import match_labels, match_ordered_names
from bcauto.data.groups import archive_groups
from bcauto.data.labelled import Images, ImageSet, Labelled, Labels, NamedImages, check_lengths
from bcauto.data.names import row_name
from bcauto.data.resize import Resize, resize_all
from bcauto.errors import BadInput
from bcauto.io.npz_archive import Archive, Header, open_archive

__all__ = ["read_npz", "read_npz_for_evaluation"]

_NAMES = "class_names"
_NAMES_BYTES = 2**24  # enough for thousands of classes


def read_npz(
    path: Path,
    image_size: int | None = None,
    resize: Resize = "stretch",
    groups: str | None = None,
) -> ImageSet:
    """Read the training and validation images of an npz file; see ``bcauto.data.reading.read``."""
    with open_archive(path) as archive:
        train = _prefix(archive, ("", "train_"))
        val = _optional_prefix(archive, "val_")
        prefixes = [train] if val is None else [train, val]
        headers = [_image_header(archive, prefix) for prefix in prefixes]
        labels = [_labels(archive, prefix) for prefix in prefixes]
        names = _class_names(archive, train, labels)
        check_classes(labels[0], labels[1] if val else None, names, str(path))
        size = _common_size(path, headers, image_size)
        grouped, by = archive_groups(archive, prefixes, groups)
        parts = [
            Labelled(_images(archive, prefix, size, resize), of_part, of_group)
            for prefix, of_part, of_group in zip(prefixes, labels, grouped, strict=True)
        ]
    return ImageSet(parts[0], parts[1] if val else None, names, grouped_by=by)


def read_npz_for_evaluation(
    path: Path,
    image_size: tuple[int, int],
    class_names: tuple[str, ...],
    resize: Resize = "stretch",
) -> NamedImages:
    """Read the test images of an npz file; see ``bcauto.data.reading.read_for_evaluation``."""
    with open_archive(path) as archive:
        prefix = _prefix(archive, ("", "test_"))
        _image_header(archive, prefix)
        labels = _labels_of_model(archive, prefix, class_names)
        images = _images(archive, prefix, image_size, resize)
    names = tuple(row_name(path, at) for at in range(len(images)))
    return NamedImages(images, labels, names=names)


def _prefix(archive: Archive, legal: tuple[str, ...]) -> str:
    """Return the prefix among ``legal`` that the file has images and labels under, which is one."""
    found = [
        prefix for prefix in legal if {f"{prefix}images", f"{prefix}labels"} <= {*archive.keys}
    ]
    if len(found) == 1:
        return found[0]
    layouts = " or ".join(f"{prefix}images with {prefix}labels" for prefix in legal)
    problem = "holds two sets of images" if found else "holds no images with labels"
    remedy = "" if found else _renaming(archive, legal[-1])
    raise BadInput(
        f"{archive.path}: {problem}, got {archive.listed}. Legal: either {layouts}{remedy}"
    )


def _renaming(archive: Archive, prefix: str) -> str:
    """Return which arrays could be the images and labels; "" where none has their shape."""
    part = prefix.removesuffix("_")
    names = sorted(archive.keys, key=lambda key: part not in key.lower())
    shapes = {}
    for name in names:
        with suppress(BadInput):  # an array that cannot be read is none of both
            shapes[name] = archive.header(name).shape
    images = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    for name in images:
        for other, shape in shapes.items():
            if len(shape) in (1, 2) and shape[:1] == shapes[name][:1]:
                return f": save {name!r} as {prefix}images and {other!r} as {prefix}labels"
    return ""


def _optional_prefix(archive: Archive, prefix: str) -> str | None:
    """Return ``prefix`` if the file has images and labels under it; having only one is refused."""
    present = {f"{prefix}images", f"{prefix}labels"} & {*archive.keys}
    if len(present) == 1:
        raise BadInput(
            f"{archive.path}: must hold both {prefix}images and {prefix}labels or neither, "
            f"got only {present.pop()}"
        )
    return prefix if present else None


def _image_header(archive: Archive, prefix: str) -> Header:
    """Return the header of a part's images as RGB, which must agree with that of its labels."""
    key = f"{prefix}images"
    shape, dtype = archive.header(key)
    images = Header(rgb_shape(shape, archive.where(key)), dtype)
    check_image_array(images.shape, dtype, archive.where(key))
    labels = archive.header(f"{prefix}labels")
    check_label_array(labels.shape, labels.dtype, archive.where(f"{prefix}labels"))
    check_lengths(images.shape[0], labels.shape[0], f"{archive.path}: {key} and {prefix}labels")
    return images


def _labels(archive: Archive, prefix: str) -> Labels:
    key = f"{prefix}labels"
    return whole_labels(one_of_each(archive.read(key), archive.where(key)), archive.where(key))


def _images(archive: Archive, prefix: str, size: tuple[int, int], resize: Resize) -> Images:
    key = f"{prefix}images"
    images = archive.read(key)
    if images.ndim == 3 or images.shape[3] == 1:  # grey
        images = np.repeat(images.reshape(*images.shape[:3], 1), 3, axis=3)
    return resize_all(images, size, archive.where(key), resize)


def _common_size(path: Path, headers: list[Header], image_size: int | None) -> tuple[int, int]:
    """Return the (height, width) that all parts will have."""
    sizes = [(header.shape[1], header.shape[2]) for header in headers]
    if image_size is None and len(set(sizes)) > 1:
        got = " and ".join(f"{height} x {width}" for height, width in sizes)
        raise BadInput(f"{path}: train and val differ in size, {got}; give an image size for both")
    size = sizes[0] if image_size is None else (image_size, image_size)
    for header in headers:
        check_bytes((header.shape[0], *size, 3), str(path))
    return size


def _class_names(archive: Archive, train: str, labels: list[Labels]) -> tuple[str, ...]:
    """Return the file's class names, or "0", "1", ... for as many classes as its labels have."""
    names = _stored_names(archive)
    if names is None:
        classes = check_no_gaps(labels[0], archive.where(f"{train}labels"))
        names = tuple(map(str, range(classes)))
    for prefix, of_part in zip((train, "val_"), labels, strict=False):
        check_in_range(of_part, len(names), archive.where(f"{prefix}labels"))
    return names


def _stored_names(archive: Archive) -> tuple[str, ...] | None:
    """Return the class names that the file holds, if any: distinct, none empty."""
    if _NAMES not in archive.keys:
        return None
    shape, dtype = archive.header(_NAMES)
    if dtype.kind not in "US" or len(shape) != 1 or prod(shape) * dtype.itemsize > _NAMES_BYTES:
        raise BadInput(
            f"{archive.where(_NAMES)}: must be strings (k,), got {shape} {dtype}"
            ": save np.array(class_names, dtype=str)"
        )
    names = tuple(archive.read(_NAMES).astype(np.str_).tolist())
    check_names(names, archive.where(_NAMES))
    return names


def _labels_of_model(archive: Archive, prefix: str, class_names: tuple[str, ...]) -> Labels:
    """Return the labels of a part as indices into a model's classes."""
    where = archive.where(f"{prefix}labels")
    labels, names = _labels(archive, prefix), _stored_names(archive)
    if names is None:
        return match_labels(labels, class_names, where)
    check_in_range(labels, len(names), where)
    return match_ordered_names(names, class_names, archive.where(_NAMES))[labels]
