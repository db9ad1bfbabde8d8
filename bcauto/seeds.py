"""One seed for a whole study, split by name, so that no two uses share a random stream."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["derive", "generator"]


def derive(seed: int, *names: str | int) -> int:
    """Return a seed in [0, 2**63) for the use that ``names`` describe, the same on any machine."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a NumPy generator seeded with ``derive(seed, *names)``."""
    return np.random.default_rng(derive(seed, *names))
