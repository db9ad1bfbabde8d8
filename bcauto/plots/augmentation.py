"""Training images as augmentation makes them, in rows to draw."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from bcauto.augment.engine import Augmenter
from bcauto.augment.ops import OPS, Op
from bcauto.augment.policies import Augment
from bcauto.data.labelled import Labelled
from bcauto.plots.grid import Row
from bcauto.seeds import generator

__all__ = ["classes_in_turn", "rows_of_ops", "rows_of_policies"]

_EPOCHS = (1, 2, 3, 4)


def classes_in_turn(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return up to ``count`` indices: one of each class, then another of each that has more."""
    order = generator(seed, "columns").permutation(len(labels))
    queues = [order[labels[order] == label][:count].tolist() for label in np.unique(labels)]
    turns = [index for turn in zip_longest(*queues) for index in turn if index is not None]
    return np.array(turns[:count], dtype=np.int64)


def rows_of_ops(
    data: Labelled, shown: NDArray[np.int64], magnitude: float, seed: int
) -> tuple[list[Row], str]:
    """Return a row for each op, and a description of the rows."""
    rows = [
        Row(op.name, _after_op(op, data, shown, magnitude, seed), _strength_note(op, magnitude))
        for op in OPS.values()
    ]
    return rows, f"then after each op alone at magnitude {magnitude:g}"


def _after_op(
    op: Op, data: Labelled, shown: NDArray[np.int64], magnitude: float, seed: int
) -> NDArray[np.uint8]:
    """Return each image after ``op``, with its own random stream and the sign alternating."""
    strengths = cycle(op.strength(side * magnitude) for side in ((1, -1) if op.low < 0 else (1,)))
    return np.stack(
        [
            op(data.images[index], strength, generator(seed, "op", op.name, index))
            for index, strength in zip(shown.tolist(), strengths, strict=False)
        ]
    )


def _strength_note(op: Op, magnitude: float) -> str:
    if not op.has_strength:
        return ""
    either_side = "+/- " if op.low < 0 else ""
    return f"{either_side}{abs(op.strength(magnitude)):g} {op.unit}"


def rows_of_policies(
    data: Labelled, shown: NDArray[np.int64], policy: Augment, seed: int
) -> tuple[list[Row], str]:
    """Return rows as training sees the images, a row for each policy alone, and a description."""
    on = {name: value for name, value in policy if isinstance(value, BaseModel)}
    rows = [
        Row(f"epoch {epoch}", _as_in_training(data, shown, epoch, seed, policy), " + ".join(on))
        for epoch in _EPOCHS
    ]
    for name, value in on.items():
        alone = Augment(fill=policy.fill, **{name: value})
        tiles = _as_in_training(data, shown, _EPOCHS[0], seed, alone)
        rows.append(Row(f"{name} alone", tiles, _settings_note(value)))
    each = f"then each policy alone: {', '.join(on)}" if on else "which is how they stay"
    return rows, f"as training sees them in epochs {_EPOCHS[0]} to {_EPOCHS[-1]}, {each}"


def _as_in_training(
    data: Labelled, shown: NDArray[np.int64], epoch: int, seed: int, policy: Augment
) -> NDArray[np.uint8]:
    """Return the images as a training batch has them, mixed with others of the data set."""
    images, _ = Augmenter(policy, seed).augment_and_mix(data.images, shown, epoch)
    return images


def _settings_note(policy: Any) -> str:
    return ", ".join(filter(None, (_setting(name, value) for name, value in policy)))


def _setting(name: str, value: Any) -> str:
    """Return a setting without a space, so that no line breaks in it; empty for one that is off."""
    if value is None:
        return ""
    if isinstance(value, BaseModel):  # a group of the wide chain
        return ", ".join(_setting(f"{name}.{key}", inner) for key, inner in value)
    if isinstance(value, Mapping):
        return f"{name}={len(value)}"
    if isinstance(value, bool):
        return name if value else ""
    return f"{name}={value:.3g}"
