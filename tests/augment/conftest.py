from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray


def draw_cell(seed: int, height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    """A stained cell: a dark nucleus in a body on a bright background, with texture all over."""
    rng = np.random.default_rng(seed)
    colours = rng.normal([[235, 205, 190], [210, 130, 165], [90, 40, 130]], 8)
    middle = rng.uniform(0.4, 0.6, 2) * (width, height)
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    distance = np.hypot(across - middle[0], (down - middle[1]) * rng.uniform(0.8, 1.2))
    ring = np.digitize(distance, min(height, width) * np.array([0.18, 0.32]))
    texture = cv2.GaussianBlur(rng.normal(0, 60, (height, width, 3)), (0, 0), 1.5)
    return np.clip(colours[2 - ring] + texture, 3, 250).astype(np.uint8)


@pytest.fixture(scope="session")
def cells() -> NDArray[np.uint8]:
    """(12, 96, 96, 3) uint8, read-only, so that an op that writes to its input fails."""
    images = np.stack([draw_cell(seed) for seed in range(12)])
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def cell(cells) -> NDArray[np.uint8]:
    return cells[0]
