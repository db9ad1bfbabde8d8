"""The batches of one epoch, shuffled and augmented anew from (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bcauto.augment import Augment, augment_batch
from bcauto.data import Labelled
from bcauto.seeds import derive, generator

__all__ = ["EpochBatches"]

Batch = tuple[np.ndarray, np.ndarray]


class EpochBatches:
    """Batches of images (b, h, w, 3) uint8 and labels (b,) int64, all of one size.

    What is left over is dropped, so that a backend compiles one shape only; the order is
    another one in each epoch. It depends on (seed, epoch), each picture on (seed, epoch, its
    index) alone.
    """

    def __init__(
        self, data: Labelled, batch_size: int, augment: Augment, seed: int, epoch: int
    ) -> None:
        self.data, self.augment, self.epoch = data, augment, epoch
        self.batch_size = min(batch_size, len(data))
        self.seed = derive(seed, "augment")
        self.order = generator(seed, "order", epoch).permutation(len(data))

    def __len__(self) -> int:
        return len(self.order) // self.batch_size

    def __getitem__(self, position: int) -> Batch:
        start = position * self.batch_size
        indices = self.order[start : start + self.batch_size]
        images = self.data.images[indices]
        augmented = augment_batch(images, indices, self.epoch, self.seed, self.augment)
        return augmented, self.data.labels[indices]

    def __iter__(self) -> Iterator[Batch]:
        """Every batch, each made in a thread while the one before it is in use."""
        with ThreadPoolExecutor(1, "batches") as thread:
            coming = thread.submit(self.__getitem__, 0)
            for following in range(1, len(self) + 1):
                batch = coming.result()
                if following < len(self):
                    coming = thread.submit(self.__getitem__, following)
                yield batch
