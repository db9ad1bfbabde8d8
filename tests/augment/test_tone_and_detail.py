from __future__ import annotations

import numpy as np
import pytest

from bcauto.augment.colour import channel_shift, channel_shuffle
from bcauto.augment.detail import gaussian_blur, gaussian_noise, jpeg
from bcauto.augment.occlusion import cutout, grid_mask
from bcauto.augment.tone import brightness, contrast, solarize

GREY = np.full((96, 96, 3), 100, dtype=np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_brightness_adds_and_clips(cell):
    assert np.array_equal(brightness(cell, 0.2), np.minimum(cell.astype(int) + 51, 255))
    assert not brightness(cell, -1).any()
    assert brightness(cell, 1).min() == 255


def test_contrast_keeps_each_channels_mean(cell):
    flat = contrast(cell, -1)
    assert np.abs(flat - cell.mean((0, 1))).max() <= 0.51
    half = contrast(cell, -0.5)
    assert np.allclose(half.std((0, 1)), cell.std((0, 1)) / 2, rtol=0.01)
    assert np.allclose(half.mean((0, 1)), cell.mean((0, 1)), atol=0.5)


def test_solarize_adds_before_it_inverts():
    image = np.uint8([[[0, 100, 200]]])
    assert np.array_equal(solarize(image, 56, addition=60), np.uint8([[[60, 160, 0]]]))


def test_channels_shift_each_by_its_own_amount_within_bounds():
    shifts = np.stack([channel_shift(GREY, 0.2, rng(seed))[0, 0] for seed in range(200)]) - 100.0
    assert np.abs(shifts).max() <= 51
    assert np.abs(shifts).max() > 45
    assert np.abs(np.corrcoef(shifts.T) - np.eye(3)).max() < 0.3


def test_channels_are_shuffled_into_all_six_orders():
    image = np.uint8([[[1, 2, 3]]])
    orders = {tuple(channel_shuffle(image, rng(seed))[0, 0]) for seed in range(100)}
    assert len(orders) == 6
    assert all(sorted(order) == [1, 2, 3] for order in orders)


def test_noise_has_its_deviation_and_no_bias():
    noise = gaussian_noise(GREY, 0.1, rng()).astype(float) - 100
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    assert abs(noise.mean()) < 0.6


def test_blur_spreads_a_point_by_sigma():
    point = np.zeros((61, 61, 3), np.uint8)
    point[28:33, 28:33] = 255
    blurred = gaussian_blur(point, 4.0)[..., 0].astype(float)
    profile = blurred.sum(0) / blurred.sum()
    variance = (profile * (np.arange(61) - 30) ** 2).sum()
    assert variance == pytest.approx(4.0**2 + 2, rel=0.1)


def test_jpeg_loses_colour_detail_but_not_the_colours(cell):
    assert np.abs(jpeg(cell, 50).mean((0, 1)) - cell.mean((0, 1))).max() < 2


def test_a_cut_is_one_rectangle_of_its_size():
    for seed in range(30):
        hidden = cutout(GREY, 0.25, rng(seed)) == 0
        rows, columns = hidden[..., 0].any(1), hidden[..., 0].any(0)
        assert 12 <= rows.sum() <= 25
        assert 12 <= columns.sum() <= 25
        assert hidden[..., 0].sum() == rows.sum() * columns.sum()


def test_a_cut_covers_every_place_about_as_often():
    hidden = np.mean([cutout(GREY, 0.3, rng(seed))[..., 0] == 0 for seed in range(2000)], axis=0)
    assert hidden[48, 48] == pytest.approx(0.09, abs=0.025)
    assert hidden[0, 0] == pytest.approx(0.09 / 4, abs=0.015)


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.8])
def test_a_grid_hides_the_square_of_its_ratio(ratio):
    hidden = [grid_mask(GREY, ratio, rng(seed))[..., 0] == 0 for seed in range(60)]
    assert np.mean(hidden) == pytest.approx(ratio**2, rel=0.1)


def test_what_is_hidden_gets_the_fill():
    assert set(np.unique(cutout(GREY, 0.5, rng(), fill=255))) == {100, 255}
    assert set(np.unique(grid_mask(GREY, 0.5, rng(), fill=7))) == {7, 100}
