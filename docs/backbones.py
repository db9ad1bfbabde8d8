"""Writes the table of ``backbones.md``, beside this file, anew.

    python docs/backbones.py

Builds every backbone of the catalogue at 96 px, with weights that have no values: two minutes on
one core, little memory, no download.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras

from bcauto.models.backbone import build_backbone
from bcauto.models.blocks import blocks_of
from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights

PAGE = Path(__file__).with_suffix(".md")
MARK = "<!-- what follows is written by docs/backbones.py -->\n"
UNIT = "MobileNetV2-1.0"
SIDE = 96  # px

_HEADER = """
| backbone | parameters, M | layers | blocks | cost | ImageNet weights | least side, px |
|---|---:|---:|---:|---:|---|---:|
"""


class Row(NamedTuple):
    """A network without its head: parameters, layers, blocks, multiply-adds of one image."""

    network: Network
    parameters: int
    layers: int
    blocks: int
    multiply_adds: int


def networks() -> Iterator[Network]:
    """Every backbone of the catalogue in every width."""
    for name, entry in BACKBONES.items():
        for alpha in entry.alphas:
            yield Network(backbone=name, alpha=alpha)


def count(network: Network, side: int = SIDE) -> Row:
    """What a network comes to for images of that side."""
    with keras.StatelessScope(initialize_variables=False):
        model = build_backbone(network, (side, side, 3), Weights("none"))
    cost = sum(map(_multiply_adds, _leaves(model)))
    return Row(network, model.count_params(), len(model.layers), len(blocks_of(model)), cost)


def line(row: Row, unit: int) -> str:
    """A row of the table; the cost is relative to ``unit`` multiply-adds."""
    entry = row.network.entry
    cells = (
        row.network.label,
        f"{row.parameters / 1e6:.2f}",
        row.layers,
        row.blocks,
        f"{row.multiply_adds / unit:.2f}",
        "yes" if entry.pretrained else "no",
        entry.least_side,
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def _multiply_adds(layer: Any) -> int:
    """Each kernel weight is used once at every place of the result."""
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    places = math.prod(layer.output.shape[1:-1]) if kernels else 0
    return places * sum(math.prod(kernel.shape) for kernel in kernels)


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def main() -> None:
    """Counts all, and writes the page."""
    rows = [count(network) for network in networks()]
    [unit] = (row.multiply_adds for row in rows if row.network.label == UNIT)
    above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    table = "".join(line(row, unit) for row in rows)
    PAGE.write_text(f"{above}{mark}{_HEADER}{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
