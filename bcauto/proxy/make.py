"""Makes the proxy: assigns corruptions to the validation images, then corrupts copies of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bcauto.errors import BadInput
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import CorruptionAtSeverity
from bcauto.proxy.proxy import Integers, Proxy
from bcauto.seeds import generator

__all__ = ["assign_evenly", "check_two_classes", "make_proxy"]

_REMEDY = "give more images, raise copies or held_out_copies, or name fewer severities"


def make_proxy(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    config: ProxyConfig,
    seed: int,
) -> Proxy:
    """Return the corrupted validation set.

    Every corruption at a severity gets the same number of images, within one, of every class. No
    two copies of an image have the same. A copy's pixels depend on (seed, index of the image, name
    of the corruption at its severity) alone. The copies that the probe consists of come first.

    Args:
        images: (n, h, w, 3) uint8, the validation images; not written to.
        labels: (n,) integers, their classes.
        config: what the proxy is made of.
        seed: the study's seed for the proxy.

    Raises:
        BadInput: there are too few images for every corruption at a severity to get one or, where
            the metric is AUC, images of two classes.

    """
    _check_enough(len(images), config)
    corruptions = (*config.corruptions, *config.held_out_corruptions)
    assigned = _assign(labels, config, seed)
    base = np.tile(np.arange(len(images), dtype=np.int64), len(assigned))
    corruption = assigned.ravel()
    if config.metric == "auc":
        check_two_classes(labels[base], corruption, corruptions)
    corrupted = np.empty((len(base), *images.shape[1:]), np.uint8)
    for copy, (image, place) in enumerate(zip(base.tolist(), corruption.tolist(), strict=True)):
        rng = generator(seed, "proxy", image, corruptions[place].name)
        corrupted[copy] = corruptions[place].corrupt(images[image], rng)
    return Proxy(
        images=corrupted,
        labels=labels.astype(np.int64)[base],
        base=base,
        corruption=corruption,
        probe=np.arange(len(images), dtype=np.int64),
        corruptions=corruptions,
        held_out=config.held_out,
        objective=config.objective,
        metric=config.metric,
    )


def _check_enough(images: int, config: ProxyConfig) -> None:
    needed = -(-len(config.corruptions) // config.copies)
    if config.held_out:
        needed = max(needed, -(-len(config.held_out_corruptions) // config.held_out_copies))
    if images < needed:
        raise BadInput(
            f"the proxy needs {needed} validation images for every corruption at every severity "
            f"to get one, got {images}; {_REMEDY}"
        )


def _assign(labels: npt.NDArray[np.integer], config: ProxyConfig, seed: int) -> Integers:
    """Return what corrupts every copy of every image, (copies, n); held-out corruptions last."""
    counted, held_out = len(config.corruptions), len(config.held_out_corruptions)
    rng = generator(seed, "proxy", "searched")
    assigned = assign_evenly(labels, counted, config.copies, rng)
    if not held_out:
        return assigned
    rng = generator(seed, "proxy", "held out")
    more = assign_evenly(labels, held_out, config.held_out_copies, rng)
    return np.concatenate([assigned, counted + more])


def check_two_classes(
    labels: npt.NDArray[np.integer],
    corruption: Integers,
    corruptions: Sequence[CorruptionAtSeverity],
) -> None:
    """Check that each corruption at a severity has images of two classes, as AUC needs.

    Args:
        labels: (m,) integers, the classes of the copies.
        corruption: (m,) indices into ``corruptions``, the one of each copy.
        corruptions: all that must have two classes.

    Raises:
        BadInput: one of them has images of one class only.

    """
    for place, at_severity in enumerate(corruptions):
        if len(np.unique(labels[corruption == place])) < 2:
            raise BadInput(
                "metric 'auc' needs images of two classes for every corruption at every severity, "
                f"got one class for {at_severity.name}; {_REMEDY}"
            )


def assign_evenly(
    labels: npt.NDArray[np.integer], choices: int, copies: int, rng: np.random.Generator
) -> Integers:
    """Return the choice of every copy of every image, (copies, n) int64 in 0..choices-1.

    The images are put in a line, class by class and shuffled within a class. The first copies
    take the choices in turn along this line, over and over; the other copies do the same, and
    start at choices that are spaced evenly. So in any stretch of the line, such as a class, all
    choices are equally frequent, within one; and so they are among the first copies alone.

    Args:
        labels: (n,) integers, the classes of the images.
        choices: how many there are.
        copies: of each image, all with different choices; at most ``choices``.
        rng: shuffles images and choices.

    """
    shuffled = rng.permutation(len(labels))
    line = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.empty(len(labels), np.int64)
    place[line] = np.arange(len(labels))
    starts = np.arange(copies) * choices // copies
    assigned: Integers = rng.permutation(choices)[(place + starts[:, None]) % choices]
    return assigned
