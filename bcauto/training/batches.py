"""The batches of one epoch, shuffled and augmented anew from (seed, epoch, index)."""

from __future__ import annotations

import math

import keras
import numpy as np

from bcauto.augment import Augment, augment_batch
from bcauto.data import Labelled
from bcauto.seeds import derive, generator

__all__ = ["EpochBatches"]


class EpochBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no type information
    """Batches of (images uint8 (b, h, w, 3), labels int64 (b,)) for ``fit(..., shuffle=False)``.

    The order depends on (seed, epoch), each picture on (seed, epoch, its index) alone.
    """

    def __init__(
        self, data: Labelled, batch_size: int, augment: Augment, seed: int, epoch: int
    ) -> None:
        super().__init__(workers=1)
        self.data, self.batch_size, self.augment = data, batch_size, augment
        self.seed, self.epoch = derive(seed, "augment"), epoch
        self.order = generator(seed, "order", epoch).permutation(len(data.labels))

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.batch_size)

    def __getitem__(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        start = position * self.batch_size
        indices = self.order[start : start + self.batch_size]
        images = augment_batch(
            self.data.images[indices], indices, self.epoch, self.seed, self.augment
        )
        return images, self.data.labels[indices]
