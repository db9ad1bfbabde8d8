"""Whether predicting files costs little beside predicting arrays.

    python benchmarks/predict.py [--data FILE] [--model FILE] [--pictures N]

Pictures are written as PNG files, and in one npz file. Timed is ``bcauto predict`` from finding
them to the finished CSV file (without the start of Python and Keras), against a bare
``model.predict`` on the same pictures as an array that is in memory already. All ways take turns,
so that whatever else the machine does hits each; each has predicted once before, since the first
call traces the model. Without ``--data`` the pictures are noise, whose PNG files are larger than
those of cells; without ``--model`` the network is MobileNet 0.25 with random weights.

Asked: at least 0.9 of the pictures per second of a bare ``model.predict``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bcauto.data.unlabelled import open_pictures
from bcauto.hardware import count_cores
from bcauto.prediction.output import open_output
from bcauto.training.device import start_keras

_ASKED = 0.9
_ROUNDS = 5


def read_images(path: Path | None, count: int) -> np.ndarray:
    """Return ``count`` images (n, 96, 96, 3) uint8, of a file over and over, or noise."""
    if path is None:
        return np.random.default_rng(0).integers(0, 256, (count, 96, 96, 3), np.uint8)
    with np.load(path) as stored:
        return np.resize(stored["images"], (count, *stored["images"].shape[1:]))


def make_model(path: Path | None, size: tuple[int, int]) -> Any:
    """Return the model of a file, or a MobileNet 0.25 of eight classes."""
    from bcauto.export.load import LoadedModel, load_model
    from bcauto.models.build import build_classifier
    from bcauto.recipe.network import Network
    from bcauto.recipe.pretrained import read_weights

    if path:
        return load_model(path)
    network = Network(backbone="MobileNet", alpha=0.25)
    built = build_classifier(network, size, 8, read_weights("none"))
    return LoadedModel(built.model, size, tuple("abcdefgh"))


def write_predictions(model: Any, pictures: Path, out: Path) -> None:
    """Do what ``bcauto predict`` does once Keras has started."""
    from bcauto.prediction.predict import predict_batches

    with open_pictures([pictures]) as found, open_output(out, model.class_names) as write:
        for batch in predict_batches(model, found):
            write(batch.names, batch.probabilities)


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Print pictures per second of each way, and fail where one is below what was asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--pictures", type=int, default=3000)
    given = parser.parse_args()
    start_keras(count_cores())
    images = read_images(given.data, given.pictures)
    model = make_model(given.model, images.shape[1:3])
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name) / "out.csv"
        (folder / "files").mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / "files" / f"{number:06}.png")
        np.savez(folder / "all.npz", images=images)
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: model.model.predict(images, verbose=0),
            "png": lambda: write_predictions(model, folder / "files", out),
            "npz": lambda: write_predictions(model, folder / "all.npz", out),
        }
        for work in ways.values():
            work()
        rounds = [{way: seconds(work) for way, work in ways.items()} for _ in range(_ROUNDS)]
    ratios = {
        way: statistics.median(one["bare"] / one[way] for one in rounds) for way in ("png", "npz")
    }
    for way in ways:
        pace = given.pictures / statistics.median(one[way] for one in rounds)
        ratio = f", {ratios[way]:.3f} of bare (asked: {_ASKED})" if way in ratios else ""
        print(f"{way}: {pace:.0f} pictures a second{ratio}")
    sys.exit(min(ratios.values()) < _ASKED)


if __name__ == "__main__":
    main()
