from __future__ import annotations

import numpy as np
import pytest

from bcauto.augment.geometric import (
    flip_horizontal,
    flip_vertical,
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
    zoom,
)
from bcauto.augment.pixels import FILLS, warp


def test_flips_mirror(cell):
    assert np.array_equal(flip_horizontal(cell), cell[:, ::-1])
    assert np.array_equal(flip_vertical(cell), cell[::-1])


def test_a_quarter_turn_is_counter_clockwise(cell):
    assert np.array_equal(rotate(cell, 90), np.rot90(cell))


def test_half_a_turn_of_an_oblong_image_is_about_its_middle(cell):
    oblong = cell[:40]
    assert np.array_equal(rotate(oblong, 180), oblong[::-1, ::-1])


def test_translations_go_right_and_down_by_a_fraction_of_their_own_side(cell):
    oblong = cell[:48]
    assert np.array_equal(translate_x(oblong, 0.25)[:, 24:], oblong[:, :-24])
    assert np.array_equal(translate_y(oblong, 0.25)[12:], oblong[:-12])
    assert np.array_equal(translate_y(oblong, -0.25)[:-12], oblong[12:])


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("fraction", [-1, -0.613, -0.004, 0.3, 0.995, 1])
def test_translation_is_the_bilinear_warp(cell, fraction, fill):
    oblong = cell[:60]
    right = warp(oblong, np.array([[1, 0, -96.0 * fraction], [0, 1, 0]]), fill).astype(int)
    down = warp(oblong, np.array([[1, 0, 0], [0, 1, -60.0 * fraction]]), fill).astype(int)
    assert np.abs(translate_x(oblong, fraction, fill) - right).max() <= 1
    assert np.abs(translate_y(oblong, fraction, fill) - down).max() <= 1


@pytest.mark.parametrize(
    ("fill", "mode"),
    [("reflect", "symmetric"), ("constant", "constant"), ("nearest", "edge"), ("wrap", "wrap")],
)
def test_fills_are_what_they_are_called(cell, fill, mode):
    padded = np.pad(cell, ((0, 0), (24, 0), (0, 0)), mode=mode)
    assert np.array_equal(translate_x(cell, 0.25, fill), padded[:, :96])
    warped = warp(cell, np.array([[1, 0, -24.0], [0, 1, 0]]), fill)
    assert np.array_equal(warped, padded[:, :96])


def test_shears_leave_the_first_row_and_column(cell):
    assert np.array_equal(shear_x(cell, 0.5)[0], cell[0])
    assert np.array_equal(shear_x(cell, 0.5)[20, :80], cell[20, 10:90])
    assert np.array_equal(shear_y(cell, 0.5)[:80, 20], cell[10:90, 20])


def test_zoom_out_shows_more_and_zoom_in_less(cell):
    out = zoom(cell, 1.0, fill="constant")
    assert not out[:23].any()
    assert np.abs(out[30:60, 30:60].mean() - cell[12:72, 12:72].mean()) < 5
    assert np.abs(zoom(cell, -0.5).mean() - cell[24:72, 24:72].mean()) < 2
