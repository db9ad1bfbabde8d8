"""The blocks of a backbone, and how many of its layers are frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bcauto.recipe.network import Freezing

__all__ = ["Block", "blocks_of", "count_frozen"]

_FIRST = re.compile(
    r"block\d+[a-z]?(?=_)"  # VGG, Xception, EfficientNet, bcauto's own
    r"|conv\d_block\d+(?=_)|^pool\d(?=_bn)"  # ResNet, DenseNet and its transitions
    r"|^conv_dw_\d+(?=_|$)"  # MobileNet
    r"|^block_\d+(?=_)|^expanded_conv(?:_\d+)?(?=_)"  # MobileNetV2, MobileNetV3
    r"|^[Cc]onv_1$|^top_conv$"  # the last convolution of these, and of EfficientNet
    r"|stage_\d+_block_\d+(?=_)|downsampling_block_\d+$"  # ConvNeXt
)
"""Finds a block's name in the name of its first layer."""

_LAST = re.compile(r"^(?:mixed\d+$|(?:normal|reduction)_concat_)")
"""Finds a block's last layer where the first is not named after the block: InceptionV3, NASNet."""


@dataclass(frozen=True)
class Block:
    """A run of layers: its name, the position of its first layer, its number of parameters."""

    name: str
    first: int
    parameters: int


def blocks_of(backbone: Any) -> list[Block]:
    """Return the blocks of a backbone of ``keras.applications`` or of bcauto's own, in order.

    They are found by the layers' names. Layers before the first block are ``stem``; layers without
    parameters between two blocks belong to the one before, those at the input to the first.
    """
    runs = _runs([layer.name for layer in backbone.layers])
    ends = [*(first for _, first in runs[1:]), len(backbone.layers)]
    counted = [
        Block(name, first, sum(layer.count_params() for layer in backbone.layers[first:end]))
        for (name, first), end in zip(runs, ends, strict=True)
    ]
    first, *others = [block for block in counted if block.parameters]
    return [Block(first.name, 0, first.parameters), *others]


def count_frozen(freezing: Freezing, backbone: Any) -> int:
    """Return how many of a backbone's layers, counted from the input, are frozen."""
    layers = len(backbone.layers)
    if freezing.trainable_layers is not None:
        return layers - freezing.trainable_layers
    if freezing.trainable_fraction is not None:
        return _first_to_train(blocks_of(backbone), freezing.trainable_fraction, layers)
    return freezing.frozen_layers or 0


def _runs(names: list[str]) -> list[tuple[str, int]]:
    """Return (name, position of the first layer) of every run of layers with one block's name."""
    runs = [("stem", 0)]
    for position, name in enumerate(names):
        found = _FIRST.search(name)
        if found and found[0] != runs[-1][0]:
            runs.append((found[0], position))
        elif _LAST.match(name):
            runs[-1] = (name, runs[-1][1])
            runs.append(("rest", position + 1))
    return runs


def _first_to_train(blocks: list[Block], fraction: float, layers: int) -> int:
    """Return the first layer to train, so that about that fraction of the parameters is trained."""
    if fraction == 0:
        return layers
    wanted = fraction * sum(block.parameters for block in blocks)

    def error(place: int) -> float:
        return abs(sum(block.parameters for block in blocks[place:]) - wanted)

    return blocks[min(range(len(blocks)), key=error)].first
