"""``bcauto.predict`` and ``bcauto.evaluate``: what a model says of pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bcauto.api.data import Data, as_file, as_path
from bcauto.api.models import Model, loaded, source_of
from bcauto.api.words import in_python
from bcauto.data.reading import read_for_evaluation
from bcauto.data.rules import ReadingRules
from bcauto.errors import BadInput
from bcauto.training.shared_process import process_kept

if TYPE_CHECKING:  # it imports Keras' scoring
    from bcauto.prediction.evaluate import Evaluation

__all__ = ["evaluate", "predict"]

AnyPath = str | os.PathLike[str]


def predict(
    model: Model,
    pictures: AnyPath | Sequence[AnyPath] | NDArray[np.uint8],
    *,
    studies_dir: AnyPath = "studies",
) -> pd.DataFrame:
    """Predict the classes of pictures, with the probability of each class.

    Args:
        model: a Keras model, a ``.keras`` file, a folder with a ``model.keras``, or the name of a
            study, of which the exported model predicts, or else the best that is kept.
        pictures: pictures, folders of them at any depth, zips and npz files; or an array
            (n, h, w, 3) RGB or (n, h, w) grey, uint8.
        studies_dir: folder of the studies.

    Returns:
        A row for each picture: ``file`` (of an array its index), ``class``, and ``p_...`` for each
        class, in 0..1. ``attrs["damaged"]`` says why other pictures could not be read, by name.

    Raises:
        BadInput: there is no such model or picture.
        NothingUsable: no picture can be read.
    """
    with in_python(), process_kept():
        source = loaded(model, studies_dir)
        from bcauto.prediction.output import columns
        from bcauto.prediction.predict import predict as predict_files

        is_array = not _is_paths(pictures)
        with as_file({"images": pictures} if is_array else None) as file:  # type: ignore[dict-item]
            paths = [file] if file else _paths(pictures)
            found = predict_files(source, paths)
        names = range(len(found.names)) if is_array else found.names
        frame = pd.DataFrame(found.probabilities, columns=columns(found.class_names)[2:])
        frame.insert(0, "file", list(names))
        frame.insert(1, "class", found.classes)
        frame.attrs["damaged"] = found.damaged
        return frame


def _is_paths(pictures: Any) -> bool:
    if isinstance(pictures, str | os.PathLike):
        return True
    return isinstance(pictures, list | tuple) and all(
        isinstance(each, str | os.PathLike) for each in pictures
    )


def _paths(pictures: Any) -> list[Path]:
    if isinstance(pictures, str | os.PathLike):
        return [Path(pictures)]
    return [Path(each) for each in pictures]


def evaluate(
    model: Model,
    data: Data,
    *,
    class_names: Sequence[str] | None = None,
    labels: AnyPath | None = None,
    skip_damaged: bool = False,
    studies_dir: AnyPath = "studies",
) -> Evaluation:
    """Score a model on labelled images, of which every one counts.

    Args:
        model: as ``bcauto.predict`` takes it.
        data: an ``.npz`` file (``images`` or ``test_images``), a folder or zip of class folders, or
            arrays ``(images, labels)``.
        class_names: of arrays, in the order of the labels. Default: the model's.
        labels: a CSV file of labels, where ``data`` is a folder without class folders.
        skip_damaged: leave out pictures that cannot be read.
        studies_dir: folder of the studies.

    Pictures that an exported model was made with are counted in ``count_seen()``.

    Returns:
        Predictions and truth; ``scores`` has accuracy, balanced accuracy, macro-F1, the confusion
        matrix and more, ``mistakes()`` the surest mistakes.

    Raises:
        BadInput: there is no such model, or the data breaks a rule.
    """
    with in_python(), process_kept():
        origin = source_of(model, studies_dir)
        source = loaded(origin or model, studies_dir)
        from bcauto.prediction.evaluate import evaluate as evaluate_images

        known = origin.fingerprints() if origin else None
        rules = ReadingRules(skip_damaged, source.resize, labels=as_path(labels), bits=source.bits)
        arrays = as_path(data) is None
        names = source.class_names if arrays and class_names is None else class_names
        with as_file(data, names) as path:
            if path is None:
                raise BadInput("data must be labelled images, got None")
            images = read_for_evaluation(path, source.image_size, source.class_names, rules)
        if arrays:
            images = replace(images, names=tuple(map(str, range(len(images)))))
        return evaluate_images(source, images, known)
