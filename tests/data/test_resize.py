from __future__ import annotations

import numpy as np
import pytest

from bcauto.data.resize import resize_all, resize_one

WIDE = np.zeros((10, 40, 3), np.uint8)
WIDE[:] = (200, 100, 50)
WIDE[:, 15:25] = 250  # the middle square
WIDE[4:6, 19:21] = 7


def test_stretching_is_the_default():
    np.testing.assert_array_equal(resize_one(WIDE, (20, 20)), resize_one(WIDE, (20, 20), "stretch"))
    assert (resize_one(WIDE, (10, 20))[0, :7] == (200, 100, 50)).all()


def test_fit_shows_all_between_borders_of_the_edges_colour():
    shown = resize_one(WIDE, (20, 40), "fit")
    np.testing.assert_array_equal(shown[5:15], WIDE)
    assert (shown[:5] == (200, 100, 50)).all()
    assert (shown[15:] == (200, 100, 50)).all()


def test_fit_of_a_tall_image():
    tall = WIDE.swapaxes(0, 1)
    shown = resize_one(tall, (40, 13), "fit")
    np.testing.assert_array_equal(shown[:, 1:11], tall)
    assert (shown[:, :1] == (200, 100, 50)).all()


def test_crop_shows_the_middle():
    np.testing.assert_array_equal(resize_one(WIDE, (10, 10), "crop"), WIDE[:, 15:25])
    tall = WIDE.swapaxes(0, 1)
    np.testing.assert_array_equal(resize_one(tall, (10, 10), "crop"), tall[15:25])


def test_crop_enlarges_the_middle():
    shown = resize_one(
        np.repeat(np.arange(40, dtype=np.uint8)[None, :, None], 10, 0), (20, 20), "crop"
    )
    assert shown.shape[:2] == (20, 20)
    assert 14 <= shown.min() < shown.max() <= 25


@pytest.mark.parametrize("how", ["stretch", "fit", "crop"])
@pytest.mark.parametrize("size", [(9, 31), (8, 8), (40, 10), (57, 3), (10, 40)])
def test_any_size_is_reached(how, size):
    assert resize_one(WIDE, size, how).shape == (*size, 3)
    assert resize_all(WIDE[None], size, resize=how).shape == (1, *size, 3)


@pytest.mark.parametrize("how", ["fit", "crop"])
@pytest.mark.parametrize("size", [(20, 80), (5, 20)])
def test_images_of_the_same_shape_are_resized_in_every_way_alike(how, size):
    np.testing.assert_array_equal(resize_one(WIDE, size, how), resize_one(WIDE, size))


def test_very_long_images():
    line = np.full((8, 4000, 3), 60, np.uint8)
    assert (resize_one(line, (16, 16), "fit") == 60).all()
    assert (resize_one(line, (16, 16), "crop") == 60).all()
