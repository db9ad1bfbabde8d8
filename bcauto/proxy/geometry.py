"""Geometry: elastic, tilt and lens bend shapes; training rotates, moves, shears and zooms."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from bcauto.proxy.primitives import (
    Floats,
    Image,
    Table,
    level,
    offsets,
    pixel_grid,
    short_side,
    smooth_noise,
    warp,
)

__all__ = ["elastic", "lens", "tilt"]

ELASTIC_SHIFT: Table = (0.018, 0.028, 0.038, 0.048, 0.059)  # rms per axis, of the short side
ELASTIC_PATCHES = 4.5  # bumps along the short side

TILT_ANGLE: Table = (20.0, 31.0, 41.0, 49.0, 56.0)  # degrees
TILT_DISTANCE = 1.0  # from the camera to the image's centre, in short sides

LENS_STRENGTH: Table = (0.20, 0.35, 0.50, 0.70, 0.95)  # magnification at the centre, less one
LENS_JITTER = 0.15  # how far the lens' centre may lie from the image's, of a side


def elastic(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Displace every pixel by smooth noise.

    After Simard, Steinkraus and Platt (2003) and ImageNet-C (Hendrycks and Dietterich, 2019).
    """
    reach = np.float32(level(ELASTIC_SHIFT, severity) * short_side(image))
    shift = reach * smooth_noise(image, ELASTIC_PATCHES, 2, rng)
    x, y = pixel_grid(image)
    return warp(image, x + shift[..., 0], y + shift[..., 1])


def tilt(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Turn the image plane about a random axis through its centre, and see it in perspective.

    A pinhole camera looks at the centre from one short side away (Hartley and Zisserman, 2004,
    chapter 8), so the near half grows while the far half shrinks.
    """
    angle = np.deg2rad(level(TILT_ANGLE, severity))
    direction = rng.uniform(0, 2 * np.pi)
    axis = np.array([np.cos(direction), np.sin(direction), 0.0]) * angle
    height, width = image.shape[:2]
    homography = _seen_tilted(cv2.Rodrigues(axis)[0], TILT_DISTANCE * short_side(image))
    centred = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    matrix = np.linalg.inv(centred) @ homography @ centred
    tilted = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(tilted, dtype=np.uint8)


def _seen_tilted(rotation: cv2.typing.MatLike, distance: float) -> npt.NDArray[np.float64]:
    """Return the homography from plane to image, both centred, with a focal length ``distance``."""
    seen = np.array(rotation, dtype=np.float64)
    seen[:2] *= distance
    seen[:, 2] = (0.0, 0.0, distance)
    return seen


def lens(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Distort the image as a lens does: its middle bulges (barrel) or is pinched, each as likely.

    This is Brown's radial distortion (1966): the source radius is r (1 + k r^2) / (1 + k) with r in
    half short sides, or has the reciprocal factor; pixels beyond r = 1 stay in place.
    """
    strength = level(LENS_STRENGTH, severity)
    bulges = rng.random() < 0.5
    centre_x, centre_y = 0.5 + rng.uniform(-LENS_JITTER, LENS_JITTER, 2)
    dx, dy = offsets(image, (centre_x, centre_y))
    factor = _radial_factor(dx, dy, strength, short_side(image) / 2)
    shift = (factor if bulges else np.reciprocal(factor)) - np.float32(1)
    x, y = pixel_grid(image)
    return warp(image, x + dx * shift, y + dy * shift)


def _radial_factor(dx: Floats, dy: Floats, strength: float, radius: float) -> Floats:
    """Return each pixel's source radius as a multiple of its own; 1 beyond ``radius``."""
    squared = np.minimum((dx**2 + dy**2) / np.float32(radius**2), np.float32(1))
    factor: Floats = (1 + np.float32(strength) * squared) / np.float32(1 + strength)
    return factor
