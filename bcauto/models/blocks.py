"""The blocks of a backbone: the runs of layers that freezing by a share of it keeps whole."""

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
"""What the name of a block's first layer holds: the block's name."""

_LAST = re.compile(r"^(?:mixed\d+$|(?:normal|reduction)_concat_)")
"""How the name of a block's last layer begins, where the first has none: InceptionV3, NASNet."""


@dataclass(frozen=True)
class Block:
    """A run of layers: its name, the position of its first one, its parameters."""

    name: str
    first: int
    parameters: int


def blocks_of(backbone: Any) -> list[Block]:
    """The blocks of a Keras model from ``keras.applications`` or of bcauto's own, from the input.

    They are told by the layers' names. What comes before the first is ``stem``; layers without
    parameters between two blocks belong to the one before, those at the start to the first.
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
    """How many of a backbone's layers, from the input on, are frozen."""
    layers = len(backbone.layers)
    if freezing.trainable_layers is not None:
        return layers - freezing.trainable_layers
    if freezing.trainable_fraction is not None:
        return _cut(blocks_of(backbone), freezing.trainable_fraction, layers)
    return freezing.frozen_layers or 0


def _runs(names: list[str]) -> list[tuple[str, int]]:
    """(name, position of the first layer) of every run."""
    runs = [("stem", 0)]
    for position, name in enumerate(names):
        found = _FIRST.search(name)
        if found and found[0] != runs[-1][0]:
            runs.append((found[0], position))
        elif _LAST.match(name):
            runs[-1] = (name, runs[-1][1])
            runs.append(("rest", position + 1))
    return runs


def _cut(blocks: list[Block], fraction: float, layers: int) -> int:
    """The first layer to train, so that the blocks from there on hold about that share."""
    if fraction == 0:
        return layers
    wanted = fraction * sum(block.parameters for block in blocks)

    def error(place: int) -> float:
        return abs(sum(block.parameters for block in blocks[place:]) - wanted)

    return blocks[min(range(len(blocks)), key=error)].first
