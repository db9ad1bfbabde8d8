"""A user's own labelled images as part of the proxy: images that resemble the hidden test set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bcauto.proxy.corruptions import OWN, CorruptionAtSeverity
from bcauto.proxy.make import assign_evenly, check_two_classes
from bcauto.proxy.proxy import Integers, Proxy
from bcauto.seeds import generator

__all__ = ["OwnImages", "with_own"]


@dataclass(frozen=True, eq=False)
class OwnImages:
    """A user's own images and labels, for the proxy.

    Attributes:
        images: (m, h, w, 3) uint8 RGB, as large as the proxy's.
        labels: (m,) int64.
        alone: True where only they count for the objective; False where they count as much as one
            family of corruptions does, besides the others.

    """

    images: npt.NDArray[np.uint8]
    labels: Integers
    alone: bool

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything."""
        digest = hashlib.sha256(f"{self.alone} {self.images.shape} ".encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        return digest.hexdigest()


def with_own(proxy: Proxy, own: OwnImages, seed: int) -> Proxy:
    """Return the proxy with a user's own images as one more family, or as all that counts.

    The images are not corrupted; their family is called ``own``. Held-out families stay as they
    are. Beside other families, the images are divided into as many parts as a family has
    corruptions at severities, each with the same number, within one, of every class; so they
    weigh as much as a family in every objective. The probe gets as many of them as it has copies
    of a family or, where they are alone, as there are validation images.

    Args:
        proxy: what ``make_proxy`` returned.
        own: the user's images.
        seed: the seed that ``make_proxy`` was given.

    Raises:
        BadInput: the metric is AUC and a part has images of one class only.

    """
    searched = [each for each in proxy.corruptions if each.family not in proxy.held_out]
    families = {each.family for each in searched}
    parts = min(1 if own.alone else len(searched) // len(families), len(own.labels))
    part = assign_evenly(own.labels, parts, 1, generator(seed, "proxy", "own"))[0]
    own_parts = tuple(CorruptionAtSeverity(OWN, number) for number in range(1, parts + 1))
    if proxy.metric == "auc":
        check_two_classes(own.labels, part, own_parts)
    probed = len(proxy.probe) if own.alone else len(proxy.probe) // len(families)
    kept = _held_out_only(proxy) if own.alone else proxy
    return replace(
        kept,
        images=np.concatenate([kept.images, own.images]),
        labels=np.concatenate([kept.labels, own.labels]),
        base=np.concatenate([kept.base, proxy.base.max() + 1 + np.arange(len(own.labels))]),
        corruption=np.concatenate([kept.corruption, len(kept.corruptions) + part]),
        probe=np.concatenate([kept.probe, len(kept.labels) + _spread(own.labels, probed)]),
        corruptions=(*kept.corruptions, *own_parts),
    )


def _held_out_only(proxy: Proxy) -> Proxy:
    """Return the proxy without the corruptions that the objective counts, and with no probe."""
    held_out = np.array([each.family in proxy.held_out for each in proxy.corruptions])
    copies = held_out[proxy.corruption]
    new_place = np.cumsum(held_out) - 1
    return replace(
        proxy,
        images=proxy.images[copies],
        labels=proxy.labels[copies],
        base=proxy.base[copies],
        corruption=new_place[proxy.corruption[copies]],
        probe=proxy.probe[:0],
        corruptions=tuple(each for each in proxy.corruptions if each.family in proxy.held_out),
    )


def _spread(labels: Integers, count: int) -> Integers:
    """Return the indices of up to ``count`` images, in rising order, each class with its share."""
    by_class = np.argsort(labels, kind="stable")
    steps = np.linspace(0, len(labels), min(count, len(labels)), endpoint=False)
    return np.sort(by_class[steps.astype(np.int64)])
