"""A submission to Codabench: a zip with ``model.py``, and the model as a SavedModel beside it.

The platform has TensorFlow 2.17 and Keras 3.4.1, which cannot read what a newer Keras wrote. A
SavedModel needs no Keras at all, and TensorFlow leaves out of it what older versions do not know.
"""

from __future__ import annotations

import runpy
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.labelled import Images
from bcauto.export.formats import saved_model
from bcauto.export.formats.contract import Predict

__all__ = ["load", "write"]

_MODEL = Path(__file__).with_name("submission.py")
_FOLDER = "saved_model"


def write(model: Any, file: Path, _training: Images | None = None) -> None:
    """Write a Keras model to a zip that the platform can run."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".submission-") as name:
        folder = Path(name) / _FOLDER
        saved_model.write(model, folder)
        with zipfile.ZipFile(file, "w") as archive:  # not deflated: weights hardly get smaller
            archive.write(_MODEL, "model.py")
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(name).as_posix())


def load(file: Path) -> Predict:
    """Return what gives labels (n,) as the platform gets them: by the zip's own ``model.py``."""
    with tempfile.TemporaryDirectory(prefix="bcauto-submission-") as name:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(name)
        model = runpy.run_path(str(Path(name) / "model.py"))["Model"]()

    def predict(images: Images) -> np.ndarray:
        labels: np.ndarray = model.predict(images)
        return labels

    return predict
