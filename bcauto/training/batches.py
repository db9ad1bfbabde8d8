"""The batches of an epoch: shuffled, augmented and mixed as (seed, epoch, index) decide."""

from __future__ import annotations

import copy
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bcauto.augment.engine import Augmenter
from bcauto.data.labelled import Labelled
from bcauto.seeds import generator

__all__ = ["Batch", "Batches", "Teacher"]

Batch: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Images (b, h, w, 3) and targets (b, classes), rows that sum to 1."""

Teacher: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Gives the targets of a batch of images."""


class Batches:
    """The training images, one epoch after another, in batches of one size.

    Pictures that do not fill a last batch are left out of the epoch, so that a backend compiles one
    shape only. The order differs from epoch to epoch, and depends on (seed, epoch) alone; a picture
    and its target depend on (seed, epoch, its index) alone. The seed is the augmenter's; batch size
    and threads change nothing.

    A class with fewer than ``at_least`` images is oversampled: copies of its images have indices of
    their own, after those of the data, so that each is augmented by itself. All images of a class
    are copied equally often, within one; which are copied once more rotates from epoch to epoch.

    Args:
        data: what to train on.
        classes: number of classes.
        batch_size: at most; fewer where there are fewer images.
        augmenter: what happens to the pictures; its seed also decides their order.
        threads: how many batches are made at a time, while others are in use.
        at_least: pictures of each class in an epoch, but for a class without images; a class that
            has more keeps them.

    """

    def __init__(
        self,
        data: Labelled,
        classes: int,
        batch_size: int,
        augmenter: Augmenter,
        threads: int = 1,
        at_least: int = 0,
    ) -> None:
        self.data, self.augmenter, self.threads = data, augmenter, threads
        of_class = (np.flatnonzero(data.labels == label) for label in np.unique(data.labels))
        self.rare = [
            (images, at_least - len(images)) for images in of_class if len(images) < at_least
        ]
        self.pictures = len(data) + sum(missing for _, missing in self.rare)
        self.batch_size = min(batch_size, self.pictures)
        self.one_hot = np.eye(classes, dtype=np.float32)
        self.teacher: Teacher | None = None

    def taught_by(self, teacher: Teacher) -> Batches:
        """Return the same images with what a teacher makes of them, augmented, as targets."""
        other = copy.copy(self)
        other.teacher = teacher
        return other

    def sized(self, batch_size: int) -> Batches:
        """Return the same images in batches of another size."""
        other = copy.copy(self)
        other.batch_size = min(batch_size, self.pictures)
        return other

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.pictures // self.batch_size

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield every batch of an epoch, made in threads while the ones before it are in use."""
        waiting = iter(self.indices(epoch))
        submitted: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self.threads, "batches", _lower_priority) as pool:

            def submit_next() -> None:
                if (indices := next(waiting, None)) is not None:
                    submitted.append(pool.submit(self.make, indices, epoch))

            try:
                for _ in range(self.threads + 1):
                    submit_next()
                while submitted:
                    batch = submitted.popleft().result()
                    submit_next()
                    yield batch
            finally:
                pool.shutdown(cancel_futures=True)

    def make(self, indices: NDArray[np.int64], epoch: int) -> Batch:
        """Return the batch of the pictures with these indices, (b,)."""
        sources = self._sources(epoch)
        labels = self.data.labels[sources]
        images, mixes = self.augmenter.augment_and_mix(self.data.images, indices, epoch, sources)
        if self.teacher:
            return images, self.teacher(images)
        targets = self.one_hot[labels[indices]]
        for place, mix in enumerate(mixes):
            if mix:
                other = self.one_hot[labels[mix.partner]]
                targets[place] = mix.share * targets[place] + (1 - mix.share) * other
        return images, targets

    def indices(self, epoch: int) -> NDArray[np.int64]:
        """Return the indices of the pictures of every batch, (steps, batch_size)."""
        order = generator(self.augmenter.seed, "order", epoch).permutation(self.pictures)
        return order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)

    def _sources(self, epoch: int) -> NDArray[np.int64]:
        """Return the image that each picture is made of, (pictures,)."""
        copies = (
            np.take(images, np.arange(missing) + epoch * missing, mode="wrap")
            for images, missing in self.rare
        )
        return np.concatenate([np.arange(len(self.data)), *copies])


def _lower_priority() -> None:
    """Let training's threads run first: they wait for each other, while the next batch can wait."""
    if sys.platform == "linux":  # elsewhere threads have no priority of their own
        thread = threading.get_native_id()
        nice = os.getpriority(os.PRIO_PROCESS, thread)  # 15 in Ray's processes
        os.setpriority(os.PRIO_PROCESS, thread, min(nice + 10, 19))  # only root may lower it
