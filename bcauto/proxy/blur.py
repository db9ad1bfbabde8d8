"""Defocus, motion and glass blur (held out); training blurs with a Gaussian only."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bcauto.proxy.primitives import Floats, Image, Table, level, pixel_grid, short_side, warp

__all__ = ["defocus", "glass", "motion"]

# of the short side, beyond half a pixel
DEFOCUS_RADIUS: Table = (0.008, 0.016, 0.026, 0.038, 0.053)
DEFOCUS_ASTIGMATISM = 0.2  # how much the two radii may differ from their mean, of the mean

MOTION_LENGTH: Table = (0.04, 0.065, 0.10, 0.15, 0.21)  # of the short side

GLASS_SHIFT: Table = (0.010, 0.017, 0.026, 0.037, 0.052)  # largest per axis, of the short side


def defocus(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Blur as a lens out of focus does: a point becomes a disc, slightly elliptic at any angle.

    After ImageNet-C's defocus blur (Hendrycks and Dietterich, 2019) and MedMNIST-C.
    """
    mean = 0.5 + level(DEFOCUS_RADIUS, severity) * short_side(image)
    excess = rng.uniform(0, DEFOCUS_ASTIGMATISM) * mean
    along, across = _kernel_axes(mean + excess, rng.uniform(0, np.pi))
    # in units of the mean radius, so that the disc's edge stays one pixel wide all around
    distance = np.hypot(along * mean / (mean + excess), across * mean / (mean - excess))
    return _filtered(image, np.clip(mean + 0.5 - distance, 0, 1))


def motion(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Blur as a moving microscope stage does: every point becomes a line at a random angle.

    After ImageNet-C's and MedMNIST-C's motion blur.
    """
    half = level(MOTION_LENGTH, severity) * short_side(image) / 2
    along, across = _kernel_axes(half, rng.uniform(0, np.pi))
    line = np.clip(half + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return _filtered(image, line)


def glass(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Read every pixel from a random place near it, as through frosted glass; after ImageNet-C."""
    reach = np.float32(2 * level(GLASS_SHIFT, severity) * short_side(image))
    jitter = reach * (rng.random((2, *image.shape[:2]), dtype=np.float32) - np.float32(0.5))
    x, y = pixel_grid(image)
    return warp(image, x + jitter[0], y + jitter[1])


def _kernel_axes(reach: float, angle: float) -> tuple[Floats, Floats]:
    """Return each kernel pixel's place along and across a direction, in pixels from the centre."""
    size = int(np.ceil(reach + 0.5))
    y, x = np.mgrid[-size : size + 1, -size : size + 1].astype(np.float32)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def _filtered(image: Image, kernel: npt.NDArray[np.floating]) -> Image:
    """Return the image convolved with the kernel, scaled to sum 1; the image's edge mirrors."""
    blurred = cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, dtype=np.uint8)
