"""Exposure: gamma, uneven light and overexposure; training changes brightness and contrast."""

from __future__ import annotations

import cv2
import numpy as np

from bcauto.proxy.primitives import Image, Table, as_pixels, level, offsets, short_side

__all__ = ["gamma", "overexposure", "uneven_light"]

GAMMA_STEPS: Table = (0.5, 0.9, 1.3, 1.7, 2.1)  # binary log of the exponent, either sign
GAMMA_JITTER = 0.15  # of the steps, either way

LIGHT_LOSS: Table = (1.0, 1.8, 2.8, 3.9, 5.2)  # halvings of the values, in the farthest corner

OVEREXPOSURE_STOPS: Table = (0.5, 0.8, 1.1, 1.45, 1.8)  # stops: doublings of the light
OVEREXPOSURE_JITTER = 0.15  # of the stops, either way
BLOOM_RADIUS = 0.03  # standard deviation of the spilt light, of the short side


def gamma(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Raise values to a power, above 1 (darker) or below 1 (lighter), each as likely.

    This is the transfer curve of MedMNIST-C's gamma (Di Salvo et al., 2024), with a random sign.
    """
    sign = rng.choice((-1, 1))
    steps = level(GAMMA_STEPS, severity) * rng.uniform(1 - GAMMA_JITTER, 1 + GAMMA_JITTER)
    curve = 255 * np.linspace(0, 1, 256) ** (2.0 ** (sign * steps))
    return np.asarray(cv2.LUT(image, as_pixels(curve)), dtype=np.uint8)


def uneven_light(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Darken the image away from a random point, as a condenser out of centre does.

    It is a vignette where the point lies in the middle, and a gradient where it is at the border.
    """
    centre_x, centre_y = rng.uniform(0, 1, 2)
    dx, dy = offsets(image, (centre_x, centre_y))
    distance = dx**2 + dy**2
    halvings = np.float32(level(LIGHT_LOSS, severity)) * distance / distance.max()
    light = np.exp2(-halvings)
    return as_pixels(image * light[..., None])


def overexposure(image: Image, severity: int, rng: np.random.Generator) -> Image:
    """Expose for too long: highlights clip, and the light beyond white spills onto their surround.

    It is computed on linear light, which is the square of the values (a display curve of exponent
    2). A gain alone would equal training's brightness; the bloom of the clipped light does not.
    """
    stops = level(OVEREXPOSURE_STOPS, severity)
    stops *= rng.uniform(1 - OVEREXPOSURE_JITTER, 1 + OVEREXPOSURE_JITTER)
    light = np.square(image, dtype=np.float32) * np.float32(2.0**stops / 255**2)
    spilt = cv2.GaussianBlur(np.maximum(light - 1, 0), (0, 0), BLOOM_RADIUS * short_side(image))
    return as_pixels(255 * np.sqrt(np.minimum(light, 1) + spilt))
