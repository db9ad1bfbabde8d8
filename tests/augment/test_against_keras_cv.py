from __future__ import annotations

import numpy as np
import pytest

from bcauto.augment.ops import op

pytestmark = pytest.mark.keras

# at these magnitudes and those factors, the layer named so is the op named so
RIGHT = {"height_factor": (0, 0), "width_factor": (0.23, 0.23)}
UP = {"height_factor": (-0.9, -0.9), "width_factor": (0, 0)}
LEVELS = {"value_range": (0, 255)}
SAME = [
    ("translate_x", 0.23, "RandomTranslation", RIGHT),
    ("translate_y", -0.9, "RandomTranslation", UP),
    ("rotate", 0.1, "RandomRotation", {"factor": (0.1, 0.1)}),
    ("zoom", -0.4, "RandomZoom", {"height_factor": (-0.4, -0.4)}),
    ("zoom", 0.7, "RandomZoom", {"height_factor": (0.7, 0.7)}),
    ("brightness", -0.3, "RandomBrightness", {"factor": (-0.3, -0.3)}),
    ("contrast", 0.6, "RandomContrast", {"factor": (-0.6, 0.6)} | LEVELS),
    ("degenerate_colour", 0.7, "RandomColorDegeneration", {"factor": (0.7, 0.7)}),
    ("sharpness", 0.8, "RandomSharpness", {"factor": (0.8, 0.8)} | LEVELS),
    ("solarize", 100 / 255, "Solarization", {"threshold_factor": (156, 156)} | LEVELS),
    ("posterize", 3 / 7, "Posterization", {"bits": 5} | LEVELS),
    ("autocontrast", 0, "AutoContrast", LEVELS),
]
EITHER_WAY = [  # the layer samples a sign
    ("shear_x", 0.4, "RandomShear", {"x_factor": (0.4, 0.4)}),
    ("shear_y", 0.4, "RandomShear", {"y_factor": (0.4, 0.4)}),
    ("hue", 0.3, "RandomHue", {"factor": (0.3, 0.3)} | LEVELS),
    ("flip_horizontal", 0, "RandomFlip", {"mode": "horizontal", "rate": 1.0}),
    ("flip_vertical", 0, "RandomFlip", {"mode": "vertical", "rate": 1.0}),
]


@pytest.fixture(scope="module")
def layers():
    return pytest.importorskip("keras_cv").layers


@pytest.fixture(scope="module")
def oblong(cells):
    return np.array(cells[:, :, :80])


def ours(name, magnitude, images):
    rng, each = np.random.default_rng(0), op(name)
    return np.stack([each(image, each.strength(magnitude), rng) for image in images]).astype(float)


def furthest(ours, theirs):
    return np.abs(ours - np.clip(np.asarray(theirs), 0, 255)).max((1, 2, 3))


@pytest.mark.parametrize(("name", "magnitude", "layer", "settings"), SAME)
def test_an_op_is_keras_cvs_layer(name, magnitude, layer, settings, oblong, layers):
    theirs = getattr(layers, layer)(**settings)(oblong.astype("float32"))
    assert furthest(ours(name, magnitude, oblong), theirs).max() <= 1.01


@pytest.mark.parametrize(("name", "magnitude", "layer", "settings"), EITHER_WAY)
def test_a_signed_op_is_keras_cvs_layer(name, magnitude, layer, settings, oblong, layers):
    theirs = getattr(layers, layer)(**settings)(oblong.astype("float32"))
    one, other = (furthest(ours(name, sign * magnitude, oblong), theirs) for sign in (1, -1))
    assert np.minimum(one, other).max() <= 1.01


def test_saturation_is_keras_cvs_layer(cells, layers):
    theirs = layers.RandomSaturation((0.7, 0.7))(cells.astype("float32") / 255) * 255
    assert furthest(ours("saturation", 0.4, cells), theirs).max() <= 1.01


def test_blur_is_keras_cvs_layer_away_from_the_edge(oblong, layers):
    theirs = layers.RandomGaussianBlur(25, (1.7, 1.7))(oblong.astype("float32"))
    inner = (slice(None), slice(12, -12), slice(12, -12))  # keras-cv brings black in over the edge
    assert furthest(ours("gaussian_blur", 1.7, oblong)[inner], theirs[inner]).max() <= 1.01


def test_channels_shift_as_far_as_in_keras_cvs_layer(layers):
    grey = np.full((1500, 2, 2, 3), 100, np.uint8)
    theirs = layers.RandomChannelShift(factor=0.4, **LEVELS)(grey.astype("float32"))
    shifts = [
        np.asarray(each)[:, 0, 0] - 100 for each in (theirs, ours("channel_shift", 0.4, grey))
    ]
    assert shifts[0].std() == pytest.approx(shifts[1].std(), rel=0.06)
    assert np.abs(shifts[0]).max() == pytest.approx(np.abs(shifts[1]).max(), abs=2)


def test_cuts_hide_as_much_as_keras_cvs_layer(layers):
    white = np.full((400, 96, 80, 3), 255, np.uint8)
    theirs = layers.RandomCutout((0.3, 0.3), (0.3, 0.3))(white.astype("float32"))
    assert ours("cutout", 0.3, white).mean() == pytest.approx(np.mean(theirs), rel=0.01)
