"""The formats that a model can be exported to: their files, and what must be installed for them.

Nothing heavy is imported here, so that a wrong name is refused at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from bcauto.errors import BadInput, did_you_mean
from bcauto.io.model_file import MODEL
from bcauto.training.keras_settings import keras_backend

__all__ = ["FORMATS", "Format", "check_formats"]


@dataclass(frozen=True)
class Format:
    """A format by its name on the command line.

    Attributes:
        name: of the format.
        file: its file or folder in an export.
        runtime: what runs it.
        modules: that writing and running it needs.
        extra: of bcauto, which installs them; None where bcauto itself does.
        calibrated: whether it is calibrated on training pictures.
    """

    name: str
    file: str
    runtime: str
    modules: tuple[str, ...] = ()
    extra: str | None = None
    calibrated: bool = False


_ALL = (
    Format("keras", MODEL, "Keras"),
    Format("onnx", "model.onnx", "ONNX Runtime", ("onnx", "tf2onnx", "onnxruntime"), "onnx"),
    Format("litert", "model.tflite", "LiteRT", ("ai_edge_litert",), "litert"),
    Format(
        "litert-int8",
        "model.int8.tflite",
        "LiteRT, in eight bits",
        ("ai_edge_litert",),
        "litert",
        True,
    ),
    Format("savedmodel", "saved_model", "TensorFlow"),
    Format("codabench", "submission.zip", "TensorFlow 2.17 and later"),
)
FORMATS = {each.name: each for each in _ALL}
"""The formats by name; ``keras`` is part of every export."""


def check_formats(given: Sequence[str]) -> tuple[Format, ...]:
    """Return the formats of these names, each once and ``keras`` first; none if none is given.

    Args:
        given: names, or comma lists of names.

    Raises:
        BadInput: a format is unknown, or what it needs is not installed.
    """
    if not given:
        return ()
    names = [name.strip().lower() for text in given for name in text.split(",")]
    for name in names:
        if name not in FORMATS:
            raise BadInput(f"unknown --format {name!r}; {did_you_mean(name, FORMATS)}")
    formats = tuple(each for each in _ALL if each.name in {"keras", *names})
    for each in formats:
        _check_installed(each)
    if len(formats) > 1 and (backend := keras_backend()) != "tensorflow":
        others = ", ".join(each.name for each in formats[1:])
        raise BadInput(
            f"--format {others} needs Keras on tensorflow, got {backend!r} (KERAS_BACKEND)"
        )
    return formats


def _check_installed(wanted: Format) -> None:
    missing = [module for module in wanted.modules if find_spec(module) is None]
    if missing:
        what = " and ".join(missing)
        be = "is" if len(missing) == 1 else "are"
        remedy = f'pip install "bcauto[{wanted.extra}]"'
        raise BadInput(f"--format {wanted.name} needs {what}, which {be} not installed: {remedy}")
