from __future__ import annotations

import numpy as np
import pytest

from bcauto.augment import op

pytestmark = pytest.mark.keras

# at these strengths and those factors, the layer named so is the op named so
RIGHT = {"height_factor": (0, 0), "width_factor": (0.23, 0.23)}
UP = {"height_factor": (-0.9, -0.9), "width_factor": (0, 0)}
SAME = [
    ("translate_x", 0.23, "RandomTranslation", RIGHT),
    ("translate_y", -0.9, "RandomTranslation", UP),
    ("rotate", 36, "RandomRotation", {"factor": (0.1, 0.1)}),
    ("zoom", -0.4, "RandomZoom", {"height_factor": (-0.4, -0.4)}),
    ("zoom", 0.7, "RandomZoom", {"height_factor": (0.7, 0.7)}),
    ("brightness", -0.3, "RandomBrightness", {"factor": (-0.3, -0.3)}),
    ("contrast", 0.6, "RandomContrast", {"factor": (-0.6, 0.6), "value_range": (0, 255)}),
    ("degenerate_colour", 0.7, "RandomColorDegeneration", {"factor": (0.7, 0.7)}),
    ("sharpness", -0.8, "RandomSharpness", {"factor": (0.8, 0.8), "value_range": (0, 255)}),
    ("solarize", 100, "Solarization", {"threshold_factor": (156, 156), "value_range": (0, 255)}),
    ("posterize", 3, "Posterization", {"bits": 5, "value_range": (0, 255)}),
    ("autocontrast", 0, "AutoContrast", {"value_range": (0, 255)}),
]
EITHER_WAY = [  # the layer draws a sign
    ("shear_x", 0.4, "RandomShear", {"x_factor": (0.4, 0.4)}),
    ("shear_y", 0.4, "RandomShear", {"y_factor": (0.4, 0.4)}),
    ("hue", 54, "RandomHue", {"factor": (0.3, 0.3), "value_range": (0, 255)}),
]


@pytest.fixture(scope="module")
def layers():
    return pytest.importorskip("keras_cv").layers


def ours(name, strength, images):
    rng = np.random.default_rng(0)
    return np.stack([op(name)(image, strength, rng) for image in images]).astype(float)


def furthest(ours, theirs):
    return np.abs(ours - np.clip(np.asarray(theirs), 0, 255)).max((1, 2, 3))


@pytest.mark.parametrize(("name", "strength", "layer", "settings"), SAME)
def test_an_op_is_keras_cvs_layer(name, strength, layer, settings, cells, layers):
    oblong = np.array(cells[:, :, :80])
    theirs = getattr(layers, layer)(**settings)(oblong.astype("float32"))
    assert furthest(ours(name, strength, oblong), theirs).max() <= 1.01


@pytest.mark.parametrize(("name", "strength", "layer", "settings"), EITHER_WAY)
def test_a_signed_op_is_keras_cvs_layer(name, strength, layer, settings, cells, layers):
    oblong = np.array(cells[:, :, :80])
    theirs = getattr(layers, layer)(**settings)(oblong.astype("float32"))
    one, other = (furthest(ours(name, sign * strength, oblong), theirs) for sign in (1, -1))
    assert np.minimum(one, other).max() <= 1.01


def test_saturation_is_keras_cvs_layer(cells, layers):
    theirs = layers.RandomSaturation((0.7, 0.7))(cells.astype("float32") / 255) * 255
    assert furthest(ours("saturation", 0.4, cells), theirs).max() <= 1.01
