"""Microscopy (held out): other staining, stain deposits and air bubbles."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bcauto.proxy.primitives import (
    Floats,
    Image,
    Table,
    as_pixels,
    level,
    offsets,
    pixel_grid,
    short_side,
    warp,
)

__all__ = ["air_bubbles", "stain_deposits", "stain_shift"]

Matrix = npt.NDArray[np.float64]

# Optical density that one unit of stain adds to red, green and blue: azure (methylene blue) and
# eosin of a Giemsa stain, as measured for Ruifrok and Johnston's method by Landini.
AZURE = (0.835, 0.514, 0.196)
EOSIN = (0.093, 0.954, 0.283)
DENSITY = -np.log(np.maximum(np.arange(256), 1) / 255).astype(np.float32)  # optical, of each level

STAIN_STRENGTH: Table = (0.30, 0.50, 0.70, 0.95, 1.25)  # length of the log-gain vector, nats
STAIN_TURN = 0.25  # rms turn of a stain's own vector per unit of strength
STAIN_HAZE = 0.15  # most stain left on the background per unit of strength, optical density

DEPOSIT_COUNT: Table = (12, 21, 32, 45, 60)  # grains
DEPOSIT_RADIUS: Table = (0.016, 0.020, 0.024, 0.028, 0.032)  # mean, of the short side
DEPOSIT_STAIN = (1.2, 0.7)  # of azure and of eosin in a grain, optical density
DEPOSIT_DETAIL = 4  # grains are drawn so many times larger, then shrunk: many are below one pixel

BUBBLE_COUNT: Table = (1, 2, 3, 4, 5)
BUBBLE_RADIUS: Table = (0.13, 0.155, 0.18, 0.205, 0.23)  # mean, of the short side
BUBBLE_SHRINKS = 0.8  # how much smaller the middle looks through a bubble
BUBBLE_RIM = 0.8  # of the light, lost at the rim
BUBBLE_RIM_DEPTH = 0.15  # where the rim is darkest: 0 at the edge, 1 at the middle
BUBBLE_RIM_WIDTH = 0.12  # of the dark ring, in the same measure
BUBBLE_GLOW = 0.4  # of the way to white, in the middle


def stain_shift(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Stain as another laboratory does: more or less of each stain, in a slightly different hue.

    The image is separated into its stains in optical-density space (Ruifrok and Johnston, 2001) and
    recomposed with random amounts of them, after Tellez et al. (2018).
    """
    strength = level(STAIN_STRENGTH, severity)
    stains = _stain_matrix()
    angle = rng.uniform(0, 2 * np.pi)
    gains = np.exp(strength * np.array([np.cos(angle), np.sin(angle), 0.0]))
    turned = stains + strength * STAIN_TURN * rng.standard_normal((3, 3)) / np.sqrt(3)
    haze = strength * STAIN_HAZE * rng.random(2) @ turned[:2]
    density = cv2.transform(cv2.LUT(image, DENSITY), (np.linalg.inv(stains) * gains @ turned).T)
    return as_pixels(255 * np.exp(-density - haze.astype(np.float32)))


def _stain_matrix() -> Matrix:
    """Return the two stains and the residual, (3, 3), each row of length 1."""
    rows = np.array([AZURE, EOSIN, np.cross(AZURE, EOSIN)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def stain_deposits(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Add grains of undissolved stain, half of them in a cluster; after MedMNIST-C's stain deposit.

    A greater severity keeps the grains of a lesser one, makes them larger, and adds others.
    """
    height, width = image.shape[:2]
    grains = np.zeros((height * DEPOSIT_DETAIL, width * DEPOSIT_DETAIL), np.uint8)
    cluster = rng.random(2)
    for index in range(int(level(DEPOSIT_COUNT, severity))):
        centre = cluster + rng.normal(0, 0.15, 2) if index % 2 else rng.random(2)
        _draw_grain(grains, centre, level(DEPOSIT_RADIUS, severity) * rng.uniform(0.5, 1.5))
    cover = cv2.resize(grains, (width, height), interpolation=cv2.INTER_AREA)
    full = np.array(DEPOSIT_STAIN) @ np.array([AZURE, EOSIN])
    density = cover[..., None] * (full / 255).astype(np.float32)
    return as_pixels(image * np.exp(-density))


def _draw_grain(grains: Image, centre: npt.NDArray[np.float64], radius: float) -> None:
    """Draw a disc; ``centre`` is in fractions of the sides, ``radius`` of the short side."""
    height, width = grains.shape
    x, y = centre * (width, height)
    cv2.circle(grains, (int(x), int(y)), round(radius * min(height, width)), 255, cv2.FILLED)


def air_bubbles(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Add air bubbles: each has a dark rim, and shows a bright, shrunk image in its middle.

    After MedMNIST-C's bubble (Di Salvo et al., 2024). A greater severity keeps the bubbles of a
    lesser one, makes them larger, and adds others.
    """
    x, y = pixel_grid(image)
    light, glow = np.ones_like(x), np.zeros_like(x)
    for _ in range(int(level(BUBBLE_COUNT, severity))):
        centre_x, centre_y = rng.random(2)
        dx, dy = offsets(image, (centre_x, centre_y))
        radius = level(BUBBLE_RADIUS, severity) * short_side(image) * rng.uniform(0.7, 1.3)
        depth = _depth(dx, dy, radius)
        x, y = x + BUBBLE_SHRINKS * depth * dx, y + BUBBLE_SHRINKS * depth * dy
        light *= 1 - BUBBLE_RIM * _rim(depth)
        glow = np.maximum(glow, BUBBLE_GLOW * depth)
    seen = warp(image, x, y) * light[..., None]
    return as_pixels(seen + glow[..., None] * (255 - seen))


def _depth(dx: Floats, dy: Floats, radius: float) -> Floats:
    """Return how deep inside a bubble each pixel is: 1 in its middle, 0 at its edge and outside."""
    depth: Floats = np.maximum(1 - (dx**2 + dy**2) / np.float32(radius**2), np.float32(0))
    return depth


def _rim(depth: Floats) -> Floats:
    """Return how dark each pixel of a bubble is, 0 to 1: most just inside its edge."""
    ring = np.exp(-np.square((depth - BUBBLE_RIM_DEPTH) / BUBBLE_RIM_WIDTH))
    return np.asarray(np.where(depth > 0, ring, 0), dtype=np.float32)
