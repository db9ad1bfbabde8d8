"""A user's own labelled images in the proxy: some that are like the hidden set's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bcauto.proxy.config import OWN, CorruptionAtSeverity
from bcauto.proxy.make import check_two_classes, deal
from bcauto.proxy.proxy import Integers, Proxy
from bcauto.seeds import generator

__all__ = ["OwnImages", "with_own"]


@dataclass(frozen=True, eq=False)
class OwnImages:
    """Images (m, h, w, 3) uint8 as large as the proxy's, and their labels (m,) int64.

    ``alone`` puts them in the place of all that the objective counts; else they count besides,
    as much as a family of corruptions does.
    """

    images: npt.NDArray[np.uint8]
    labels: Integers
    alone: bool

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over everything."""
        digest = hashlib.sha256(f"{self.alone} {self.images.shape} ".encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return digest.hexdigest()


def with_own(proxy: Proxy, own: OwnImages, seed: int) -> Proxy:
    """The proxy with a user's own images as one more family, ``own``, or as all that counts.

    Held-out families stay as they are. Beside other families the images are dealt out to as many
    cells as a family has, each with the same number, within one, of every class; so they weigh as
    much as a family in every objective. The probe gets as many of them as it has of a family, or,
    where they are alone, as there are validation images. BadInput where the metric is AUC and a
    cell holds images of one class only.
    """
    searched = [cell for cell in proxy.cells if cell.family not in proxy.held_out]
    families = {cell.family for cell in searched}
    cells = min(1 if own.alone else len(searched) // len(families), len(own.labels))
    place = deal(own.labels, cells, 1, generator(seed, "proxy", "own"))[0]
    own_cells = tuple(CorruptionAtSeverity(OWN, number) for number in range(1, cells + 1))
    if proxy.metric == "auc":
        check_two_classes(own.labels, place, own_cells)
    probed = len(proxy.probe) if own.alone else len(proxy.probe) // len(families)
    kept = _held_out_only(proxy) if own.alone else proxy
    return replace(
        kept,
        images=np.concatenate([kept.images, own.images]),
        labels=np.concatenate([kept.labels, own.labels]),
        base=np.concatenate([kept.base, proxy.base.max() + 1 + np.arange(len(own.labels))]),
        cell=np.concatenate([kept.cell, len(kept.cells) + place]),
        probe=np.concatenate([kept.probe, len(kept.labels) + _spread(own.labels, probed)]),
        cells=(*kept.cells, *own_cells),
    )


def _held_out_only(proxy: Proxy) -> Proxy:
    """What is left of the proxy without the cells that the objective counts; an empty probe."""
    held_out = np.array([cell.family in proxy.held_out for cell in proxy.cells])
    copies = held_out[proxy.cell]
    new_place = np.cumsum(held_out) - 1
    return replace(
        proxy,
        images=proxy.images[copies],
        labels=proxy.labels[copies],
        base=proxy.base[copies],
        cell=new_place[proxy.cell[copies]],
        probe=proxy.probe[:0],
        cells=tuple(cell for cell in proxy.cells if cell.family in proxy.held_out),
    )


def _spread(labels: Integers, count: int) -> Integers:
    """Indices of up to ``count`` images, in rising order; of every class its share."""
    by_class = np.argsort(labels, kind="stable")
    steps = np.linspace(0, len(labels), min(count, len(labels)), endpoint=False)
    return np.sort(by_class[steps.astype(np.int64)])
