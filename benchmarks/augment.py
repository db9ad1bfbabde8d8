"""How fast pictures are augmented beside other libraries, and what that costs a training.

    python benchmarks/augment.py
    python benchmarks/augment.py --data FILE

First, images per second on one core: two policies, RandAugment (2 ops, magnitude .5) and AugMix
(severity .3), on cells of 96 pixels in batches of 64 uint8 images. Peers are keras-cv, Keras' own
layers and, where they are installed, torchvision and albumentations. Layers run as a compiled
graph; of several ways to call a library, the one counts that is fastest in this run. bcauto and a
peer take turns, and the ratio is the median over neighbours, so that what else the machine does
hits both. Timed is the CPU time of the process, which on a core of its own is the wall's.

The peers do not all do the same. Keras' AugMix draws its ops once, when it is compiled, and its
RandAugment once for a batch; torchvision's RandAugment has three more ops; albumentations has no
AugMix, and its RandAugment is put together here from ten of its ops.

Then MobileNet 0.25 trains whole on two cores in batches of 32, as ``run_trial`` does it: an epoch
without augmentation, one with RandAugment and AugMix after it, and a pass over the images that
augments them and no more, by turns. The ratio is that of the speed with augmentation to that
without. The bound is the most it can be: where training costs an image c CPU seconds and takes w on
the wall, and augmenting it costs a, two cores take max(w, (c + a) / 2) at least.

Asked: at least 5 times the images per second of keras-cv with both policies, and .85 of the speed
of a training without augmentation. Takes three minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bcauto.augment.engine import Augmenter, augment_batch
from bcauto.augment.policies import Augment, AugMix, RandAugment
from bcauto.data.dataset import load
from bcauto.data.labelled import Labelled
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights
from bcauto.recipe.recipe import Recipe
from bcauto.recipe.training import Training
from bcauto.training.batches import Batches
from bcauto.training.device import detect_device, quiet_stderr, start_keras

_AIM = 5.0  # times keras-cv
_TRAINING_AIM = 0.85
_SIDE = 96
_BATCH = 64
_CORES = 2  # that train
_MOST_IMAGES = 1024
_TURN = 0.15  # seconds, about
_POLICIES = {
    "RandAugment": Augment(randaugment=RandAugment(ops=2, magnitude=0.5)),
    "AugMix": Augment(augmix=AugMix(severity=0.3)),
}
_BOTH = Augment(randaugment=_POLICIES["RandAugment"].randaugment, augmix=_POLICIES["AugMix"].augmix)

Result = TypeVar("Result")
Run = Callable[[], Any]
"""Augments the next batch."""


@dataclass(frozen=True)
class Pair:
    """Two that took turns: images per second of each, and the median ratio of ours to theirs."""

    peer: str
    ours: float
    theirs: float
    ratio: float


# --- the ways in which each library applies a policy to the batches -------------------------------

Forms = dict[str, Run]
"""Ways of one library, by a word or two."""

Stacks = list[np.ndarray]
"""(64, 96, 96, 3) uint8 each."""


def bcauto_run(policy: str, batches: Stacks) -> Run:
    """As a training does it, an epoch after another."""
    epochs, turns, indices = itertools.count(), itertools.cycle(batches), np.arange(_BATCH)
    return lambda: augment_batch(next(turns), indices, next(epochs), 0, _POLICIES[policy])


def keras_cv_forms(policy: str, batches: Stacks) -> Forms:
    """The layer as it comes, which loops over the batch, and vectorized where it can be."""
    from keras_cv import layers

    values = (0, 255)
    if policy == "AugMix":
        return _graphs({"a batch": layers.AugMix(values, severity=0.3)}, batches)
    row = {"augmentations_per_image": 2, "magnitude": 0.5}
    plain = layers.RandAugment(values, **row)
    vectorized = layers.RandAugment(values, **row, auto_vectorize=True)
    return _graphs({"a batch": plain, "vectorized": vectorized}, batches)


def keras_forms(policy: str, batches: Stacks) -> Forms:
    """Keras' own layers."""
    from keras import layers

    values = (0, 255)
    if policy == "AugMix":
        return _graphs({"a batch": layers.AugMix(values, 3, 3, factor=0.3)}, batches)
    return _graphs({"a batch": layers.RandAugment(values, 2, factor=0.5)}, batches)


def torchvision_forms(policy: str, batches: Stacks) -> Forms:
    """Each image by itself, since a batch would share its draws."""
    import torch
    from PIL.Image import fromarray
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    both = {"RandAugment": v2.RandAugment(2, magnitude=15), "AugMix": v2.AugMix(3, all_ops=False)}
    tensors = [torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous() for batch in batches]
    pictures = [[fromarray(image) for image in batch] for batch in batches]
    return {
        "tensors": _one_by_one(both[policy], [list(batch) for batch in tensors]),
        "Pillow": _one_by_one(both[policy], pictures),
    }


def albumentations_forms(policy: str, batches: Stacks) -> Forms:
    """Two of RandAugment's ten ops a picture; no AugMix."""
    import albumentations as a

    if policy == "AugMix":
        return {}
    ops = [
        a.AutoContrast(p=1),
        a.Equalize(p=1),
        a.Solarize(p=1),
        a.ToGray(p=1),
        a.RandomBrightnessContrast(brightness_limit=0, contrast_limit=0.5, p=1),
        a.RandomBrightnessContrast(brightness_limit=0.5, contrast_limit=0, p=1),
        a.Affine(shear={"x": (-27, 27), "y": (0, 0)}, p=1),
        a.Affine(shear={"x": (0, 0), "y": (-27, 27)}, p=1),
        a.Affine(translate_percent={"x": (-0.5, 0.5), "y": (0, 0)}, p=1),
        a.Affine(translate_percent={"x": (0, 0), "y": (-0.5, 0.5)}, p=1),
    ]
    transform = a.Compose([a.SomeOf(ops, n=2, replace=True, p=10 / 11)])
    return {"an image": _one_by_one(lambda image: transform(image=image), list(map(list, batches)))}


def _graphs(layers: dict[str, Any], batches: Stacks) -> Forms:
    """Each layer compiled, on tensors that are there already."""
    import tensorflow as tf

    def form(layer: Any) -> Run:
        compiled = tf.function(lambda images: layer(tf.cast(images, tf.float32)))
        tensors = itertools.cycle([tf.constant(batch) for batch in batches])
        return lambda: compiled(next(tensors))

    return {name: form(layer) for name, layer in layers.items()}


def _one_by_one(transform: Callable[[Any], Any], batches: list[list[Any]]) -> Run:
    turns = itertools.cycle(batches)
    return lambda: [transform(image) for image in next(turns)]


_PEERS = {
    "keras-cv": keras_cv_forms,
    "keras.layers": keras_forms,
    "torchvision": torchvision_forms,
    "albumentations": albumentations_forms,
}


# --- one core -------------------------------------------------------------------------------------


def compare_policies(images: np.ndarray, turns: int) -> dict[str, list[Pair]]:
    """Each policy by bcauto and each peer in turn, on one core."""
    pin(1)
    start_keras(1)
    batches = np.split(images[: len(images) // _BATCH * _BATCH], len(images) // _BATCH)
    return {policy: list(_pairs(policy, batches, turns)) for policy in _POLICIES}


def _pairs(policy: str, batches: Stacks, turns: int) -> Iterator[Pair]:
    ours = bcauto_run(policy, batches)
    for library in installed():
        with quiet_stderr():  # what TensorFlow has to say while it compiles
            forms = _PEERS[library](policy, batches)
            fastest = min(forms, key=lambda form: warm_seconds_of(forms[form]), default=None)
        if fastest:
            yield _take_turns(f"{library}, {fastest}", ours, forms[fastest], turns)


def installed() -> list[str]:
    """The peers that can be imported."""
    packages = {library: library.partition(".")[0].replace("-", "_") for library in _PEERS}
    return [library for library, package in packages.items() if find_spec(package)]


def _take_turns(peer: str, ours: Run, theirs: Run, turns: int) -> Pair:
    times = np.array([[seconds_of(ours), seconds_of(theirs)] for _ in range(turns)])
    speeds = _BATCH / np.median(times, axis=0)
    return Pair(peer, *speeds.tolist(), ratio=float(np.median(times[:, 1] / times[:, 0])))


def warm_seconds_of(run: Run) -> float:
    """The same from the second batch on, since the first compiles."""
    run()
    return seconds_of(run)


def seconds_of(run: Run) -> float:
    """CPU seconds of one batch, on average over as many as take about ``_TURN``."""
    started, count = time.process_time(), 0
    while (passed := time.process_time() - started) < _TURN:
        run()
        count += 1
    return passed / count


def pin(cores: int) -> None:
    """Keeps this process, with all its threads, to so many cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


# --- training -------------------------------------------------------------------------------------


class Epochs:
    """A network that is trained an epoch at a time, with augmentation or without."""

    def __init__(self, train: Labelled) -> None:
        from bcauto.models.build import build_classifier
        from bcauto.training.losses import make_loss
        from bcauto.training.stages import compile_stage, plan_stages

        recipe = Recipe(
            model=Network(backbone="MobileNet", alpha=0.25),
            training=Training(batch_size=32, head_epochs=0),
        )
        classes = int(train.labels.max()) + 1
        classifier = build_classifier(recipe.model, train.image_size, classes, Weights("none"))
        loss = make_loss(recipe.training, train.labels, classes)
        [stage] = plan_stages(recipe, classifier, pretrained=True)
        compile_stage(classifier, stage, recipe.training, loss, detect_device())
        self.model, self.turn = classifier.model, itertools.count()
        self.plain, self.augmented = (
            Batches(train, classes, recipe.training.batch_size, Augmenter(augment, 0))
            for augment in (Augment(), _BOTH)
        )
        self.images = self.plain.steps * self.plain.batch_size

    def train(self, batches: Any) -> np.ndarray:
        """Wall and CPU seconds of an image, trained as ``run_trial`` does it."""
        started = now()
        for images, targets in batches.epoch(next(self.turn)):
            float(self.model.train_on_batch(images, targets))
        return (now() - started) / self.images

    def augment(self) -> np.ndarray:
        """Wall and CPU seconds of an image that is augmented and no more."""
        started, epoch = now(), next(self.turn)
        for indices in np.arange(self.images).reshape(self.plain.steps, -1):
            self.augmented.make(indices, epoch)
        return (now() - started) / self.images


def compare_training(train: Labelled, turns: int) -> tuple[float, float]:
    """The speed of a training with augmentation over that without, and the most it can be."""
    pin(_CORES)
    start_keras(_CORES)
    epochs = Epochs(train)
    plain, augmented, alone = (
        np.array(times) for times in zip(*(_three(epochs) for _ in range(turns + 1)), strict=True)
    )
    wall, cpu = np.median(plain[1:], axis=0)  # the first turn traces the network
    both, extra = np.median(augmented[1:, 0]), np.median(alone[1:, 1])
    least = max(wall, (cpu + extra) / _CORES)
    ratios = plain[1:, 0] / augmented[1:, 0]
    print(f"training, images per second: {1 / wall:.0f} without, {1 / both:.0f} with augmentation")
    print(f"CPU ms an image: {1e3 * cpu:.2f} to train, {1e3 * extra:.2f} to augment", flush=True)
    return float(np.median(ratios)), float(wall / least)


def _three(epochs: Epochs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return epochs.train(epochs.plain), epochs.train(epochs.augmented), epochs.augment()


def now() -> np.ndarray:
    """Seconds on the wall, and of CPU in all threads of this process."""
    return np.array([time.perf_counter(), time.process_time()])


# --- both -----------------------------------------------------------------------------------------


def in_child(function: Callable[..., Result], *arguments: Any) -> Result:
    """The result of a function in a fresh process: threads and cores are set once in each."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def print_table(policy: str, pairs: list[Pair]) -> None:
    """Images per second of one policy, and how often faster bcauto is."""
    print(f"{policy + ', images per second':<44}{'peer':>8}{'bcauto':>8}{'ratio':>8}")
    for pair in pairs:
        print(f"  {pair.peer:<42}{pair.theirs:8.0f}{pair.ours:8.0f}{pair.ratio:8.2f}")


def main() -> None:
    """Measures both, prints the ratios, and fails where one misses its aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="pictures; by default bcauto's own cells")
    parser.add_argument("--turns", type=int, default=15, help="of each peer")
    parser.add_argument("--epochs", type=int, default=9, help="of training, with and without")
    given = parser.parse_args()
    train = load(given.data, _SIDE, seed=0).train
    train = train.take(np.arange(min(len(train), _MOST_IMAGES)))
    for library in sorted(_PEERS.keys() - installed()):
        print(f"{library} is not installed, so it is left out")
    policies = in_child(compare_policies, train.images, given.turns)
    for policy, pairs in policies.items():
        print_table(policy, pairs)
    training, bound = in_child(compare_training, train, given.epochs)
    print(f"training {training:.2f} (bound {bound:.2f}, asked {_TRAINING_AIM})")
    ratios = {
        policy: next((pair.ratio for pair in pairs if pair.peer.startswith("keras-cv")), 0.0)
        for policy, pairs in policies.items()
    }
    for policy, ratio in ratios.items():
        print(f"{policy} {ratio:.2f}")
    sys.exit(min(ratios.values()) < _AIM or training < _TRAINING_AIM)


if __name__ == "__main__":
    main()
