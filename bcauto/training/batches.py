"""The batches of an epoch: shuffled, augmented and mixed anew from (seed, epoch, index)."""

from __future__ import annotations

import copy
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.augment.engine import Apply, augment_and_mix, augment_batch
from bcauto.augment.policies import Augment
from bcauto.data.labelled import Labelled
from bcauto.seeds import derive, generator

__all__ = ["Batch", "Batches"]

Batch: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Images (b, h, w, 3) and targets (b, classes), rows that sum to 1."""


class Batches:
    """The training images, one epoch after another, in batches of one size.

    What is left over of an epoch is dropped, so that a backend compiles one shape only; the order
    is another one in each epoch. The order depends on (seed, epoch), each picture and its target
    on (seed, epoch, its index) alone: not on the batch size nor on the threads.

    Copies of a rare class' images have indices of their own, behind those of the data, and so each
    is augmented for itself. As many as make up the number are made of every image, or one more:
    of which ones goes round from epoch to epoch.

    Args:
        data: what to train on.
        classes: number of classes.
        batch_size: at most; fewer where there are fewer images.
        augment: what may happen to a picture.
        seed: of order and augmentation.
        threads: how many batches are made at a time, while others are in use.
        apply: applies the policies.
        at_least: pictures of each class in an epoch, that of an absent one excepted; a class that
            has more keeps them.
    """

    def __init__(
        self,
        data: Labelled,
        classes: int,
        batch_size: int,
        augment: Augment,
        seed: int,
        threads: int = 1,
        apply: Apply = augment_batch,
        at_least: int = 0,
    ) -> None:
        self.data, self.augment, self.threads, self.apply = data, augment, threads, apply
        self.rare = _rare(data.labels, at_least)
        self.pictures = len(data) + sum(missing for _, missing in self.rare)
        self.batch_size = min(batch_size, self.pictures)
        self.one_hot = np.eye(classes, dtype=np.float32)
        self.order_seed, self.seed = seed, derive(seed, "augment")

    def sized(self, batch_size: int) -> Batches:
        """The same images in batches of another size."""
        other = copy.copy(self)
        other.batch_size = min(batch_size, self.pictures)
        return other

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.pictures // self.batch_size

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Every batch of an epoch, made in threads while the ones before it are in use."""
        waiting = iter(self.indices(epoch))
        coming: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self.threads, "batches", _step_back) as pool:

            def order_another() -> None:
                if (indices := next(waiting, None)) is not None:
                    coming.append(pool.submit(self.make, indices, epoch))

            try:
                for _ in range(self.threads + 1):
                    order_another()
                while coming:
                    batch = coming.popleft().result()
                    order_another()
                    yield batch
            finally:
                pool.shutdown(cancel_futures=True)

    def make(self, indices: NDArray[np.int64], epoch: int) -> Batch:
        """The batch of the pictures with these indices, (b,)."""
        sources = self._sources(epoch)
        labels = self.data.labels[sources]
        images, mixes = augment_and_mix(
            self.data.images, indices, epoch, self.seed, self.augment, self.apply, sources
        )
        targets = self.one_hot[labels[indices]]
        for place, mix in enumerate(mixes):
            if mix:
                other = self.one_hot[labels[mix.partner]]
                targets[place] = mix.share * targets[place] + (1 - mix.share) * other
        return images, targets

    def indices(self, epoch: int) -> NDArray[np.int64]:
        """(steps, batch_size): the pictures of every batch."""
        order = generator(self.order_seed, "order", epoch).permutation(self.pictures)
        return order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)

    def _sources(self, epoch: int) -> NDArray[np.int64]:
        """(pictures,): the image of which each is made."""
        turns = (
            np.take(images, np.arange(missing) + epoch * missing, mode="wrap")
            for images, missing in self.rare
        )
        return np.concatenate([np.arange(len(self.data)), *turns])


def _rare(labels: NDArray[np.int64], at_least: int) -> list[tuple[NDArray[np.int64], int]]:
    """The images of each class that has too few, and how many are missing."""
    classes = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return [(images, at_least - len(images)) for images in classes if len(images) < at_least]


def _step_back() -> None:
    """Lets the threads that train go first: they wait for one another, the next batch can wait."""
    if sys.platform == "linux":  # elsewhere threads have no priority of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
