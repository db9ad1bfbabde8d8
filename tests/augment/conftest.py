"""What the augmentation tests share: painted and real cells, and a check of frequencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray


def paint_cell(seed: int, height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    """A stained cell: a dark nucleus in a body on a bright background, with texture all over."""
    rng = np.random.default_rng(seed)
    colours = rng.normal([[235, 205, 190], [210, 130, 165], [90, 40, 130]], 8)
    middle = rng.uniform(0.4, 0.6, 2) * (width, height)
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    distance = np.hypot(across - middle[0], (down - middle[1]) * rng.uniform(0.8, 1.2))
    ring = np.digitize(distance, min(height, width) * np.array([0.18, 0.32]))
    texture = cv2.GaussianBlur(rng.normal(0, 60, (height, width, 3)), (0, 0), 1.5)
    return np.clip(colours[2 - ring] + texture, 3, 250).astype(np.uint8)


def read_only(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``images``, so that an op that writes to its input fails."""
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def cells() -> NDArray[np.uint8]:
    """(12, 96, 96, 3) uint8, read-only: painted cells."""
    return read_only(np.stack([paint_cell(seed) for seed in range(12)]))


@pytest.fixture(scope="session")
def cell(cells) -> NDArray[np.uint8]:
    return cells[0]


@pytest.fixture(scope="session")
def real_sample(real_cells_96) -> NDArray[np.uint8]:
    """(200, 96, 96, 3) uint8, read-only: real cells, taken at random."""
    with np.load(real_cells_96) as data:
        images = data["images"]
    taken = np.random.default_rng(0).choice(len(images), 200, replace=False)
    return read_only(images[taken])


@pytest.fixture(scope="session", params=["painted", "real"])
def batch(request) -> NDArray[np.uint8]:
    """(n, 96, 96, 3) uint8, read-only: painted cells, then real ones where they are at hand."""
    return request.getfixturevalue({"painted": "cells", "real": "real_sample"}[request.param])


@pytest.fixture(scope="session")
def fits() -> Callable[[ArrayLike, Sequence[float]], None]:
    """``fits(counts, chances)``: the counts are such as come up by these chances, which sum to 1.

    Chi-square at the .9999 quantile (Wilson and Hilferty 1931); what has no chance never happens.
    """

    def check(counts: ArrayLike, chances: Sequence[float]) -> None:
        seen = np.asarray(counts, dtype=float)
        expected = seen.sum() * np.asarray(chances)
        assert np.isclose(np.sum(chances), 1)
        assert seen.sum() > 0
        possible = expected > 1e-9
        assert not seen[~possible].any(), (seen, expected)
        if (freedom := possible.sum() - 1) == 0:
            return
        distance = ((seen - expected)[possible] ** 2 / expected[possible]).sum()
        part = 2 / (9 * freedom)
        assert distance < freedom * (1 - part + 3.72 * part**0.5) ** 3, (seen, expected)

    return check


@pytest.fixture(scope="session")
def uniform(fits) -> Callable[[NDArray[np.float64], float, float], None]:
    """``uniform(values, low, high)``: the values are spread evenly from low to high."""

    def check(values: NDArray[np.float64], low: float, high: float) -> None:
        assert low <= values.min()
        assert values.max() <= high
        fits(np.histogram(values, 16, (low, high))[0], [1 / 16] * 16)

    return check
