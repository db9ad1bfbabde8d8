"""Makes the proxy: deals the validation images out to the cells, then corrupts them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bcauto.errors import BadInput
from bcauto.proxy.config import CorruptionAtSeverity, ProxyConfig
from bcauto.proxy.proxy import Integers, Proxy
from bcauto.seeds import generator

__all__ = ["check_two_classes", "deal", "make_proxy"]


def make_proxy(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    config: ProxyConfig,
    seed: int,
) -> Proxy:
    """The corrupted validation set of (n, h, w, 3) uint8 images with (n,) integer labels.

    Every cell gets the same number of images, within one, of every class; an image's copies lie in
    different cells. What a copy looks like depends on (seed, index of the image, name of the cell)
    alone. The copies that belong to the probe come first. BadInput where there are too few images
    for every cell to hold one, or, where the metric is AUC, images of two classes.
    """
    searched, held_out = config.cells, config.held_out_cells
    _check_enough(len(images), config)
    dealt = [deal(labels, len(searched), config.copies, generator(seed, "proxy", "searched"))]
    if held_out:
        rng = generator(seed, "proxy", "held out")
        places = deal(labels, len(held_out), config.held_out_copies, rng)
        dealt.append(places + len(searched))
    cell = np.concatenate(dealt)
    base = np.broadcast_to(np.arange(len(images)), cell.shape)
    if config.metric == "auc":
        check_two_classes(labels[base.ravel()], cell.ravel(), (*searched, *held_out))
    return Proxy(
        images=_corrupt(images, base.ravel(), cell.ravel(), (*searched, *held_out), seed),
        labels=labels.astype(np.int64)[base.ravel()],
        base=base.ravel().astype(np.int64),
        cell=cell.ravel().astype(np.int64),
        probe=np.arange(len(images), dtype=np.int64),
        cells=(*searched, *held_out),
        held_out=config.held_out,
        objective=config.objective,
        metric=config.metric,
    )


def _check_enough(images: int, config: ProxyConfig) -> None:
    needed = -(-len(config.cells) // config.copies)
    if config.held_out:
        needed = max(needed, -(-len(config.held_out_cells) // config.held_out_copies))
    if images < needed:
        raise BadInput(
            f"the proxy needs {needed} validation images for each cell to hold one, got {images}; "
            "give more images, raise copies or held_out_copies, or name fewer severities"
        )


def check_two_classes(
    labels: npt.NDArray[np.integer], place: Integers, cells: tuple[CorruptionAtSeverity, ...]
) -> None:
    """Makes sure that no cell holds images of one class only, of which there is no AUC."""
    for index, cell in enumerate(cells):
        if len(np.unique(labels[place == index])) < 2:
            raise BadInput(
                f"metric 'auc' needs images of two classes in every cell, got one in {cell.name}; "
                "give more images, raise copies or held_out_copies, or name fewer severities"
            )


def deal(
    labels: npt.NDArray[np.integer], cells: int, copies: int, rng: np.random.Generator
) -> Integers:
    """The cell of every copy of every image, (copies, images), from 0 to ``cells - 1``.

    The images stand in a row, class by class and shuffled within a class. A copy walks through the
    cells along that row, and the copies set out from cells that are spread evenly over the ring of
    cells. So any stretch of the row, a class for one, meets every cell equally often, within one;
    and so does its first copy taken alone.
    """
    shuffled = rng.permutation(len(labels))
    row = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.empty(len(labels), np.int64)
    place[row] = np.arange(len(labels))
    starts = np.arange(copies) * cells // copies
    dealt: Integers = rng.permutation(cells)[(place + starts[:, None]) % cells]
    return dealt


def _corrupt(
    images: npt.NDArray[np.uint8],
    base: Integers,
    cell: Integers,
    cells: tuple[CorruptionAtSeverity, ...],
    seed: int,
) -> npt.NDArray[np.uint8]:
    """Copy i of the result is image ``base[i]`` corrupted as ``cells[cell[i]]`` says."""
    copies = np.empty((len(base), *images.shape[1:]), np.uint8)
    for index, (image, place) in enumerate(zip(base.tolist(), cell.tolist(), strict=True)):
        rng = generator(seed, "proxy", image, cells[place].name)
        copies[index] = cells[place].corrupt(images[image], rng)
    return copies
