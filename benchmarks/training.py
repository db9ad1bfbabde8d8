"""How fast a trial trains, beside a bare ``model.fit``.

    python benchmarks/training.py
    python benchmarks/training.py --weights DIR

Trains SmallCNN from scratch and, with a folder of weights, MobileNet 0.25 whole: for both sides the
same network, optimizer, images of 96 pixels and batches of 32, no augmentation, one thread. The two
take turns, since the bare ``fit`` trains an epoch whenever ``run_trial`` calls its report; so what
else the machine does hits both. The first epoch, which traces the network, is left out, and the
medians of the others are compared.

Timed of ``run_trial`` is all from one report to the next: shuffling, training, and the score on the
probe, for which 128 images are predicted (2 % of the CPU time). Timed of ``fit`` is from
``on_epoch_begin`` to ``on_epoch_end``, so without its setting up and its end. The ratio of the CPU
time of the whole process is printed too; that one a busy machine does not blur.

Asked: at least 0.9 of the images per second of ``fit``, with each network. Takes three minutes on
two idle cores, six with MobileNet.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from bcauto.data.cleaning import Cleaning
from bcauto.data.dataset import Dataset
from bcauto.data.labelled import Labelled
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.make import make_proxy
from bcauto.proxy.proxy import Proxy
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights, read_weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.training.device import start_keras
from bcauto.trial import Job, TrialStopped

_AIM = 0.9
_BATCH = 32
_CLASSES = 8
_SIDE = 96
_PROXY_IMAGES = 64  # fewer than are predicted at a time

_SMALL_CNN = Network(backbone="SmallCNN")
_MOBILE_NET = Network(backbone="MobileNet", alpha=0.25)


def now() -> np.ndarray:
    """Seconds on the wall, and of CPU in all threads of this process."""
    return np.array([time.perf_counter(), time.process_time()])


class Turns:
    """A trial's report that times the epoch behind it, and then has the peer train one.

    ``ours`` and ``peer`` hold the times of each epoch, the first one included.
    """

    def __init__(self, epochs: int, time_peer: Callable[[], np.ndarray]) -> None:
        self.epochs, self.time_peer = epochs, time_peer
        self.ours: list[np.ndarray] = []
        self.peer: list[np.ndarray] = []
        self._since = now()

    def report(self, epoch: int, score: float) -> None:
        """Ends the trial after its last epoch, since nobody wants its model."""
        del score
        self.ours.append(now() - self._since)
        self.peer.append(self.time_peer())
        if epoch == self.epochs:
            raise TrialStopped
        self._since = now()


def random_cells(count: int, seed: int) -> Labelled:
    """Images of noise, which train as fast as any."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, _SIDE, _SIDE, 3), np.uint8)
    return Labelled(images, np.arange(count, dtype=np.int64) % _CLASSES)


def make_data(count: int) -> tuple[Dataset, Proxy]:
    """So many training images, and a proxy that is scored in one batch."""
    train, val = random_cells(count, 0), random_cells(_PROXY_IMAGES, 1)
    names = tuple(map(str, range(_CLASSES)))
    data = Dataset(train, val, names, Cleaning(len(train) + len(val), 0, 0, 0))
    config = ProxyConfig(families=("exposure",), held_out=(), severities=(3,), copies=1)
    return data, make_proxy(val.images, val.labels, config, seed=0)


def take_turns(recipe: Recipe, data: Dataset, proxy: Proxy, weights: Weights) -> Turns:
    """Trains a recipe twice, by ``run_trial`` and by the peer."""
    from bare_fit import BareFit  # imports Keras, which has to be set to one thread before

    from bcauto.training.run import run_trial

    peer: list[BareFit] = []

    def time_peer() -> np.ndarray:
        if not peer:  # not before: run_trial begins by clearing Keras' session
            peer.append(BareFit(recipe, data.train, _CLASSES, weights))
        return peer[0].time_epoch(now)

    turns = Turns(recipe.training.epochs, time_peer)
    with tempfile.TemporaryDirectory() as folder, suppress(TrialStopped):
        job = Job(0, recipe, seed=0, model_path=Path(folder) / "0.keras")
        run_trial(job, data, proxy, weights, turns.report)
    return turns


def speed_ratio(network: Network, weights: Weights, images: int, epochs: int) -> float:
    """Images per second of a trial to those of the bare fit."""
    training = Training(batch_size=_BATCH, head_epochs=0, epochs=epochs)
    turns = take_turns(Recipe(model=network, training=training), *make_data(images), weights)
    ours, peer = (np.median(times[1:], axis=0) for times in (turns.ours, turns.peer))
    ratio, cpu_ratio = peer / ours
    speeds = f"run_trial {images / ours[0]:.0f}, bare fit {images / peer[0]:.0f} images per second"
    print(f"{network.label}: {speeds}, ratio {ratio:.3f} (CPU time {cpu_ratio:.3f})", flush=True)
    return float(ratio)


def main() -> None:
    """Measures each network, prints the lowest ratio, and fails where it misses the aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", help="folder of weights; adds MobileNet 0.25")
    parser.add_argument("--batches", type=int, default=64, help="in an epoch")
    parser.add_argument("--epochs", type=int, default=13, help="of which the first does not count")
    given = parser.parse_args()
    start_keras(1)
    size = (given.batches * _BATCH, given.epochs)
    ratios = [speed_ratio(_SMALL_CNN, Weights("none"), *size)]
    if given.weights:
        ratios.append(speed_ratio(_MOBILE_NET, read_weights(given.weights), *size))
    print(f"asked: a ratio of at least {_AIM}")
    print(f"training {min(ratios):.3f}")
    sys.exit(min(ratios) < _AIM)


if __name__ == "__main__":
    main()
