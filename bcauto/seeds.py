"""One seed for a whole study, split by name, so that no two uses of chance share a stream."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["derive", "generator"]


def derive(seed: int, *names: str | int) -> int:
    """A seed in [0, 2**63) for the use that ``names`` describes; the same on every machine."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator seeded with ``derive(seed, *names)``."""
    return np.random.default_rng(derive(seed, *names))
