"""Writes a model in several formats, runs each in its own runtime, and compares it with Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bcauto.data.labelled import Images
from bcauto.errors import NothingUsable, first_line
from bcauto.export.formats import codabench, litert, litert_int8, onnx, saved_model
from bcauto.export.formats.contract import Codec, Predict
from bcauto.export.formats.convertible import make_convertible
from bcauto.export.formats.names import FORMATS, Format
from bcauto.export.timing import milliseconds_a_picture
from bcauto.io.disk import is_disk_full
from bcauto.proxy.proxy import Proxy
from bcauto.proxy.score import score_probe
from bcauto.training.hypermodel.float32 import in_float32
from bcauto.training.scoring import predict_probabilities
from bcauto.trial import Say

__all__ = ["Written", "write_formats"]

_CODECS = {
    "onnx": Codec(onnx.write, onnx.load),
    "litert": Codec(litert.write, litert.load),
    "litert-int8": Codec(litert_int8.write, litert.load, exact=False),
    "savedmodel": Codec(saved_model.write, saved_model.load),
    "codabench": Codec(codabench.write, codabench.load),
}
_TOLERANCE = 1e-3  # of a probability: what other kernels for the same floats may differ by


@dataclass(frozen=True)
class Written:
    """A format as it was written, and what it does in its own runtime.

    It predicted the proxy's probe: one corrupted copy of each validation picture.

    Attributes:
        format: its name.
        file: its file or folder in the export.
        bytes: that it takes on the disk.
        milliseconds: a picture takes, here and in batches.
        largest_difference: of any probability from that of Keras; None where it gives labels only.
        same_labels: share of the pictures that have the same label as by Keras.
        score: on the probe, in 0..1; None where it gives labels only.
    """

    format: str
    file: str
    bytes: int
    milliseconds: float
    largest_difference: float | None
    same_labels: float
    score: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return asdict(self)


def write_formats(
    model: Any,
    formats: Sequence[Format],
    folder: Path,
    proxy: Proxy,
    training: Images | None = None,
    say: Say = lambda _: None,
) -> tuple[Written, ...]:
    """Write a model in formats, and return what each does; Keras, the reference, comes first.

    A model that computes in less than float32 is written, and compared, in float32.

    Args:
        model: a Keras classifier of 0-255 RGB, whose file is in the folder.
        formats: as ``check_formats`` returns them.
        folder: to write to.
        proxy: whose probe is predicted.
        training: (n, h, w, 3) uint8 pictures of the training set, to calibrate ``litert-int8`` on.
        say: told each format before it is written.

    Raises:
        NothingUsable: a format cannot be written or run, or does not predict what Keras does.
    """
    plain = in_float32(model)
    images = proxy.images[proxy.probe]

    def by_keras(pictures: Images) -> np.ndarray:
        return predict_probabilities(plain, pictures)

    expected = by_keras(images)
    make_convertible(plain)
    written = [_measured(FORMATS["keras"], folder, by_keras, expected, proxy)]
    for each in formats:
        if each.name == "keras":
            continue
        codec = _CODECS[each.name]
        say(f"writing {each.name}")
        try:
            codec.write(plain, folder / each.file, training)
            predict = codec.load(folder / each.file)
            found = _measured(each, folder, predict, expected, proxy)
        except Exception as error:  # converters and runtimes raise whatever they raise
            if is_disk_full(error):
                raise
            reason = f"{type(error).__name__}: {first_line(error)[:300]}"
            raise NothingUsable(f"the model cannot be had as {each.name} ({reason})") from error
        if codec.exact:
            _check_same(found)
        written.append(found)
    return tuple(written)


def _measured(
    kind: Format, folder: Path, predict: Predict, expected: np.ndarray, proxy: Proxy
) -> Written:
    """Return what a format gives for the probe of a proxy, beside what Keras expects."""
    images = proxy.images[proxy.probe]
    given = predict(images)
    probabilities = given if given.ndim == 2 else None
    labels = given if probabilities is None else given.argmax(axis=1)
    exactly = probabilities is not None
    return Written(
        format=kind.name,
        file=kind.file,
        bytes=_size(folder / kind.file),
        milliseconds=milliseconds_a_picture(predict, images),
        largest_difference=float(np.abs(given - expected).max()) if exactly else None,
        same_labels=float(np.mean(_same(labels, expected))),
        score=score_probe(proxy, given) if exactly else None,
    )


def _same(labels: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return whether each label is the one Keras expects, or as probable to the tolerance."""
    probability = expected[np.arange(len(labels)), labels]
    return np.asarray(probability >= expected.max(axis=1) - _TOLERANCE)


def _check_same(found: Written) -> None:
    """Raise NothingUsable if a format in float32 does not predict what Keras does."""
    difference = found.largest_difference or 0.0
    if difference > _TOLERANCE or found.same_labels < 1:
        raise NothingUsable(
            f"{found.format} must predict what Keras does, got probabilities that differ by up to "
            f"{difference:.2g}, and the same label for {found.same_labels:.2%}; it is not exported"
        )


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
