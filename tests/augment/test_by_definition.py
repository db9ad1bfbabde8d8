"""Every op that is not random, at any strength, against Pillow, colorsys or float64 NumPy."""

from __future__ import annotations

import colorsys
import io
from math import ceil, radians

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.augment.ops import OPS
from bcauto.augment.tone import solarize

PIL = pytest.importorskip("PIL")
from PIL import Image, ImageEnhance, ImageOps  # noqa: E402  after the check that it is there


def bilinear(image, across, down):
    """The image at the places (across, down), which the mirrored edge brings inside."""

    def at(column, row):
        return image[mirrored(row, image.shape[0]), mirrored(column, image.shape[1])].astype(float)

    left, top = np.floor(across).astype(int), np.floor(down).astype(int)
    right_part, low_part = (across - left)[..., None], (down - top)[..., None]
    upper = at(left, top) * (1 - right_part) + at(left + 1, top) * right_part
    lower = at(left, top + 1) * (1 - right_part) + at(left + 1, top + 1) * right_part
    return upper * (1 - low_part) + lower * low_part


def mirrored(place, length):
    within = place % (2 * length)
    return np.minimum(within, 2 * length - 1 - within)


def warped(source):
    """The reference of a warp: ``source`` takes places z = x + iy, the middle and the strength."""

    def reference(image, strength):
        height, width = image.shape[:2]
        places = np.arange(width) + 1j * np.arange(height)[:, None]
        middle = (width - 1) / 2 + 1j * (height - 1) / 2
        found = source(places, middle, strength, width, height)
        return bilinear(image, found.real, found.imag)

    return reference


def by_pillow(function):
    return lambda image, strength: function(Image.fromarray(image), strength)


def sharpened(picture, change):
    return ImageEnhance.Sharpness(picture).enhance(1 + change)


def stored_as_jpeg(picture, loss):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=100 - round(loss))
    return Image.open(file)


def contrast(image, change):
    mean = image.mean((0, 1))
    return mean + (image - mean) * (1 + change)


def stretched(image, _):
    lowest, highest = image.min((0, 1)), image.max((0, 1))
    full = (image - lowest) * (255.0 / np.maximum(highest - lowest, 1))
    return np.where(highest > lowest, full, image)


def greyed(image, fraction):
    grey = image @ [0.299, 0.587, 0.114]  # ITU-R BT.601
    return (1 - fraction) * image + fraction * grey[..., None]


def blurred(image, sigma):
    if sigma == 0:
        return image
    reach = ceil(3 * sigma)
    with np.errstate(over="ignore"):
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    for axis in (0, 1):
        margins = [(reach, reach) if other == axis else (0, 0) for other in range(3)]
        padded = np.pad(image, margins, "symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis)
        image = windows @ (weights / weights.sum())
    return image


def in_hsv(change):
    """The reference of an op on colour: ``change`` gives the new hue and saturation, 0-1."""

    def reference(image, strength):
        def pixel(rgb):
            tint, pure, value = colorsys.rgb_to_hsv(*(rgb / 255))
            tint, pure = change(tint, pure, strength)
            return colorsys.hsv_to_rgb(tint % 1, min(pure, 1), value)

        return 255 * np.apply_along_axis(pixel, 2, image)

    return reference


def times(change):
    return min((1 + change) / max(1 - change, 1e-9), 1e6)


REFERENCES = {  # and how many levels the op may be away from it: half a level is rounding
    "translate_x": (warped(lambda z, _, part, width, __: z - part * width), 1),
    "translate_y": (warped(lambda z, _, part, __, height: z - 1j * part * height), 1),
    "shear_x": (warped(lambda z, _, slope, *__: z + slope * z.imag), 1),
    "shear_y": (warped(lambda z, _, slope, *__: z + 1j * slope * z.real), 1),
    "rotate": (warped(lambda z, c, turn, *_: c + (z - c) * np.exp(1j * radians(turn))), 1),
    "zoom": (warped(lambda z, c, change, *_: c + (z - c) * (1 + change)), 1),
    "flip_horizontal": (lambda image, _: image[:, ::-1], 0),
    "flip_vertical": (lambda image, _: image[::-1], 0),
    "brightness": (lambda image, change: image + 255 * change, 0.51),
    "contrast": (contrast, 0.51),
    "posterize": (by_pillow(lambda picture, bits: ImageOps.posterize(picture, 8 - int(bits))), 0),
    "solarize": (by_pillow(lambda picture, depth: ImageOps.solarize(picture, 256 - depth)), 0),
    "equalize": (by_pillow(lambda picture, _: ImageOps.equalize(picture)), 0),
    "autocontrast": (stretched, 0.51),  # where Pillow truncates
    "saturation": (in_hsv(lambda tint, pure, change: (tint, pure * times(change))), 0.51),
    "hue": (in_hsv(lambda tint, pure, degrees: (tint + degrees / 360, pure)), 0.51),
    "degenerate_colour": (greyed, 0.9),  # OpenCV rounds each of the three factors
    # the smoothed values are rounded separately, and Pillow truncates the result
    "sharpness": (by_pillow(sharpened), 2),
    "gaussian_blur": (blurred, 1),
    "jpeg": (by_pillow(stored_as_jpeg), 0),
}


def make_pictures():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (24, 17, 3))
    tints = np.linspace([200, 90, 160], [90, 140, 60], 20)
    return {
        "noise": noise,
        "dark": noise // 4 + 20,
        "flat": np.full((9, 7, 3), (0, 100, 255)),
        "two values": np.where(noise[:, :15] < 200, 10, 250),
        "ramp": np.clip(tints + 3 * np.arange(12)[:, None, None], 0, 255),
        "pixel": noise[:1, :1],
    }


PICTURES = {name: picture.astype(np.uint8) for name, picture in make_pictures().items()}


def furthest(ours, theirs) -> float:
    return float(np.abs(ours - np.clip(np.asarray(theirs, dtype=float), 0, 255)).max())


def test_every_op_that_is_not_random_has_a_reference():
    assert set(REFERENCES) == {each.name for each in OPS.values() if not each.is_random}


@pytest.mark.parametrize("name", REFERENCES)
@given(kind=st.sampled_from(list(PICTURES)), part=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_an_op_is_its_definition_at_any_strength(name, kind, part):
    each, (reference, tolerance) = OPS[name], REFERENCES[name]
    strength = each.low + part * (each.high - each.low)
    ours = each(PICTURES[kind], strength, np.random.default_rng(0))
    assert furthest(ours, reference(PICTURES[kind], strength)) <= tolerance


@pytest.mark.parametrize("name", REFERENCES)
def test_an_op_is_its_definition_on_a_cell(name, cell):
    each, (reference, tolerance) = OPS[name], REFERENCES[name]
    oblong = cell[:60, 10:90]
    for strength in (0.3 * each.high, 0.3 * each.low) if each.has_strength else (0,):
        ours = each(oblong, strength, np.random.default_rng(0))
        assert furthest(ours, reference(oblong, strength)) <= tolerance


def test_full_saturation_leaves_grey_grey_and_makes_colours_pure():
    grey, colour = OPS["saturation"](
        np.uint8([[[80, 80, 80], [100, 101, 120]]]), 1.0, np.random.default_rng(0)
    )[0]
    assert np.array_equal(grey, [80, 80, 80])
    assert colour.min() == 0


@given(depth=st.floats(0, 256), addition=st.floats(0, 255))
@settings(max_examples=60, deadline=None)
def test_solarize_adds_and_clips_before_it_inverts(depth, addition):
    raised = np.minimum(PICTURES["noise"] + addition, 255)
    inverted = np.where(raised < 256 - depth, raised, 255 - raised)
    assert furthest(solarize(PICTURES["noise"], depth, addition), inverted) <= 0.5
