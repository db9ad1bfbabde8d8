from __future__ import annotations

import colorsys

import numpy as np
import pytest

from bcauto.augment.colour import degenerate_colour, hue, saturation
from bcauto.augment.detail import sharpness
from bcauto.augment.tone import autocontrast, equalize, posterize, solarize

PIL = pytest.importorskip("PIL")
from PIL import Image, ImageEnhance, ImageOps  # noqa: E402  after the check that it is there

FLAT = np.full((9, 7, 3), (0, 100, 255), dtype=np.uint8)
TWO_VALUES = np.repeat(np.uint8([[10, 10, 200], [10, 250, 200]]), 30, axis=0)[:, :, None].repeat(
    3, axis=2
)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.uint8)


@pytest.fixture(params=["cell", "dark", "flat", "two values", "noise"])
def image(request, cell):
    dark = (cell // 3 + 20).astype(np.uint8)
    named = {"cell": cell, "dark": dark, "flat": FLAT, "two values": TWO_VALUES, "noise": NOISE}
    return named[request.param]


def furthest(ours, theirs) -> int:
    return int(np.abs(ours.astype(int) - np.asarray(theirs).astype(int)).max())


@pytest.mark.parametrize("dropped", range(8))
def test_posterize_is_pillows(image, dropped):
    theirs = ImageOps.posterize(Image.fromarray(image), 8 - dropped)
    assert furthest(posterize(image, dropped), theirs) == 0


@pytest.mark.parametrize("depth", [0, 1, 128, 200, 256])
def test_solarize_is_pillows(image, depth):
    theirs = ImageOps.solarize(Image.fromarray(image), 256 - depth)
    assert furthest(solarize(image, depth), theirs) == 0


def test_equalize_is_pillows(image):
    assert furthest(equalize(image), ImageOps.equalize(Image.fromarray(image))) == 0


def test_autocontrast_is_pillows_but_rounded(image):
    theirs = ImageOps.autocontrast(Image.fromarray(image))
    assert furthest(autocontrast(image), theirs) <= 1  # Pillow truncates


@pytest.mark.parametrize("change", [-1, -0.4, 0.3, 1])
def test_sharpness_is_pillows(image, change):
    theirs = ImageEnhance.Sharpness(Image.fromarray(image)).enhance(1 + change)
    assert furthest(sharpness(image, change), theirs) <= 2  # the smoothed values are rounded apart


@pytest.mark.parametrize("fraction", [0, 0.3, 1])
def test_colour_degeneration_is_pillows(image, fraction):
    theirs = ImageEnhance.Color(Image.fromarray(image)).enhance(1 - fraction)
    assert furthest(degenerate_colour(image, fraction), theirs) <= 1  # Pillow rounds grey first


def by_colorsys(pixel, turned=0.0, times=1.0):
    tint, strength, value = colorsys.rgb_to_hsv(*(pixel / 255))
    return np.array(colorsys.hsv_to_rgb((tint + turned) % 1, min(strength * times, 1), value)) * 255


@pytest.mark.parametrize("degrees", [-180, -75, 1, 180])
def test_hue_is_the_standard_librarys(degrees):
    patch = NOISE[:8, :8]
    theirs = np.apply_along_axis(by_colorsys, 2, patch, turned=degrees / 360)
    assert np.abs(hue(patch, degrees) - theirs).max() <= 0.51


@pytest.mark.parametrize("change", [-1, -0.4, 0.3, 0.9])
def test_saturation_is_the_standard_librarys(change):
    patch = NOISE[:8, :8]
    times = (1 + change) / (1 - change)
    theirs = np.apply_along_axis(by_colorsys, 2, patch, times=times)
    assert np.abs(saturation(patch, change) - theirs).max() <= 0.51


def test_full_saturation_leaves_grey_grey_and_makes_colours_pure():
    image = np.uint8([[[80, 80, 80], [100, 101, 120]]])
    assert np.array_equal(saturation(image, 1.0)[0, 0], [80, 80, 80])
    assert saturation(image, 1.0)[0, 1].min() == 0
