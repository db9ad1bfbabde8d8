"""An exported model, loaded from its file and checked before Keras makes anything of it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np

from bcauto.data.checks import check_names
from bcauto.data.resize import Resize
from bcauto.errors import BadInput, NothingUsable
from bcauto.io.model_file import MANIFEST, MODEL, file_digest, find_model, read_description
from bcauto.models.from_config import count_parameters
from bcauto.training.scoring import predict_probabilities

__all__ = ["LoadedModel", "check_classifier", "load_model"]

_log = logging.getLogger(__name__)

_REASON = 300  # characters: Keras' messages show a layer's whole configuration


@dataclass(frozen=True)
class LoadedModel:
    """A Keras classifier of 0-255 RGB.

    Attributes:
        model: Keras'.
        image_size: its input, (height, width) in px.
        class_names: in its order.
        resize: what became of pictures of another shape when it was trained.
        bits: how many bits files of 16 bits had when it was trained; None where it is not known.

    """

    model: Any
    image_size: tuple[int, int]
    class_names: tuple[str, ...]
    resize: Resize = "stretch"
    bits: int | None = None

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the class indices (n,) int64 of images (n, h, w, 3) uint8."""
        labels: np.ndarray = self.predict_probabilities(images).argmax(axis=1)
        return labels

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, classes) of images (n, h, w, 3) uint8.

        Raises:
            NothingUsable: the model gives values that are no numbers.
        """
        found = predict_probabilities(self.model, images)
        if not np.isfinite(found).all():
            rule = "the model must give probabilities, got values that are no numbers (NaN)"
            raise NothingUsable(f"{rule}, as after a training that went wrong")
        return found


def load_model(path: Path) -> LoadedModel:
    """Load a ``.keras`` file, or the ``model.keras`` of a folder.

    The classes are named as the manifest beside the file says; by their numbers without one, or
    where it names another number of classes, which is logged.

    Raises:
        BadInput: there is no such model, it is no image classifier that Keras can load safely, or
            its manifest is damaged or of another model.
    """
    file = find_model(path)
    config, weight_bytes = read_description(file)
    try:
        _check_parameters(config, weight_bytes)
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its readers raise
        reason = " ".join(str(error).split())[:_REASON] or type(error).__name__
        raise BadInput(f"{file}: not a Keras model that can be loaded ({reason})") from None
    height, width, classes = check_classifier(model, file)
    names, resize, bits = _read_manifest(file)
    if names and len(names) != classes:
        problem = f"names {len(names)} classes, but {file.name} has {classes}; it is not used"
        _log.warning("%s: %s", file.with_name(MANIFEST), problem)
    if len(names) != classes:
        names = [str(number) for number in range(classes)]
    return LoadedModel(model, (height, width), tuple(names), resize, bits)


def _check_parameters(config: dict[str, Any], weight_bytes: int) -> None:
    """Raise ValueError if a model has more parameters than its weights have bytes.

    A short description can ask for a layer that no memory holds, so they are counted unmade.
    """
    parameters = count_parameters(config)
    if parameters > weight_bytes:
        raise ValueError(
            f"its parameters must be in the file, got {parameters:,} and {weight_bytes:,} bytes of "
            "them"
        )


def check_classifier(model: Any, where: object) -> tuple[int, int, int]:
    """Return the height and width of a Keras model's images, and the number of its classes.

    Raises:
        BadInput: it is no classifier of RGB images of one size.
    """
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not _is_classifier(*shapes):
        raise BadInput(f"{where}: must take (n, h, w, 3) and give (n, classes), got {shapes}")
    _, height, width, _ = model.input_shape
    return height, width, model.output_shape[-1]


def _is_classifier(inputs: Any, outputs: Any) -> bool:
    if not (isinstance(inputs, tuple) and isinstance(outputs, tuple)):
        return False
    return len(inputs) == 4 and inputs[-1] == 3 and None not in inputs[1:] and len(outputs) == 2


def _read_manifest(file: Path) -> tuple[list[str], Resize, int | None]:
    """Return the class names beside a model, how pictures are resized, and the bits of deep ones.

    Without such a file there are no names.
    """
    manifest = file.with_name(MANIFEST)
    if not manifest.exists():
        return [], "stretch", None
    try:
        stored = json.loads(manifest.read_text(encoding="utf-8"))
        names: list[str] = stored["class_names"]
        resize: Resize = stored.get("resize", "stretch")  # older manifests have none
        bits: int | None = stored.get("bits")
        digest = stored.get("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{manifest}: damaged ({type(error).__name__}: {error})") from None
    if file.name == MODEL and digest is not None and digest != file_digest(file):
        raise BadInput(
            f"{manifest}: must be of {file.name}, got that of another model, as where an "
            "export was killed: export again, or delete the manifest"
        )
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        rule = "class_names must be texts"
        raise BadInput(f"{manifest}: damaged ({rule}, got {repr(names)[:_REASON]})")
    check_names(names, f"{manifest}: damaged")
    if resize not in get_args(Resize):
        rule = f"resize must be one of {', '.join(get_args(Resize))}"
        raise BadInput(f"{manifest}: damaged ({rule}, got {repr(resize)[:_REASON]})")
    if bits is not None and bits not in range(8, 17):
        raise BadInput(f"{manifest}: damaged (bits must be 8 to 16, got {repr(bits)[:_REASON]})")
    return names, resize, bits
