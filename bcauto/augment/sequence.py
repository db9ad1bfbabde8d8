"""Applies a sequence of sampled ops to an image, with neighbouring warps as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np

from bcauto.augment.geometric import compose
from bcauto.augment.ops import Op
from bcauto.augment.pixels import Fill, Image, warp

__all__ = ["SampledOp", "apply_in_sequence"]

SampledOp: TypeAlias = tuple[Op, tuple[float, ...]]
"""An op with its sampled strengths, which are the arguments of its function after the image."""


def apply_in_sequence(
    image: Image, sequence: Sequence[SampledOp], rng: np.random.Generator, fill: Fill = "reflect"
) -> Image:
    """Apply the ops of ``sequence`` in order.

    Warps that follow each other resample the image once: it stays sharper, and takes less time.

    Args:
        image: (h, w, 3) uint8; never written to.
        sequence: the ops; none gives the input itself back.
        rng: for the ops that are random themselves.
        fill: what a warp brings in over the edge.

    Returns:
        (h, w, 3) uint8.

    """
    warps: list[SampledOp] = []
    for each in sequence:
        op, strengths = each
        if op.affine is not None:
            warps.append(each)
            continue
        image = _warped(image, warps, fill)
        warps = []
        chance = (rng,) if op.is_random else ()
        image = op.function(image, *strengths, *chance)
    return _warped(image, warps, fill)


def _warped(image: Image, warps: Sequence[SampledOp], fill: Fill) -> Image:
    """Return the image after neighbouring warps; a single one has its own, faster function."""
    if not warps:
        return image
    if len(warps) == 1:
        op, strengths = warps[0]
        return op.function(image, *strengths, fill)
    maps = (op.affine(image.shape[:2], *strengths) for op, strengths in warps if op.affine)
    return warp(image, reduce(compose, maps), fill)
