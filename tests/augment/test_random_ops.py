"""The ops that are random themselves, by the distribution of their results."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations
from math import erf

import cv2
import numpy as np
import pytest

from bcauto.augment.colour import channel_shift, channel_shuffle
from bcauto.augment.detail import gaussian_noise
from bcauto.augment.occlusion import cutout, grid_mask

GREY = np.full((96, 96, 3), 100, dtype=np.uint8)
OBLONG = np.full((60, 100, 3), 100, dtype=np.uint8)  # .5 of the height is .3 of the width


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_channels_shift_evenly_each_by_its_own_amount_within_bounds(fits):
    dot = GREY[:1, :1]
    shifts = np.stack([channel_shift(dot, 0.2, rng(seed))[0, 0] for seed in range(3000)]) - 100.0
    for channel in shifts.T:  # 51 levels either way, so the two outermost get half a level each
        counts = np.bincount((channel + 100).astype(int), minlength=256)
        fits(counts, [0] * 49 + [1 / 204] + [1 / 102] * 101 + [1 / 204] + [0] * 104)
    assert np.abs(np.corrcoef(shifts.T) - np.eye(3)).max() < 0.08


def test_a_shift_is_the_same_all_over_and_clipped(cell):
    shifted = channel_shift(cell, 0.3, rng(4)).astype(int)
    inside = (shifted > 0) & (shifted < 255)
    for channel in range(3):
        amounts = (shifted - cell)[..., channel][inside[..., channel]]
        assert np.ptp(amounts) == 0
        assert np.array_equal(
            shifted[..., channel], np.clip(cell[..., channel] + amounts[0], 0, 255)
        )


def test_channels_are_shuffled_into_all_six_orders_evenly(fits, cell):
    orders = Counter(
        tuple(channel_shuffle(np.uint8([[[0, 1, 2]]]), rng(seed))[0, 0].tolist())
        for seed in range(3000)
    )
    fits([orders[order] for order in permutations(range(3))], [1 / 6] * 6)
    shuffled, order = (
        channel_shuffle(cell, rng(3)),
        channel_shuffle(np.uint8([[[0, 1, 2]]]), rng(3)),
    )
    assert np.array_equal(shuffled, cell[..., order[0, 0]])


@pytest.mark.parametrize("deviation", [0.02, 0.1, 0.12])
def test_noise_is_normal_and_independent(deviation):
    noise = gaussian_noise(np.full((256, 256, 3), 128, np.uint8), deviation, rng()) - 128.0
    sigma = 255 * deviation
    assert noise.std() == pytest.approx(sigma, rel=0.01)
    assert abs(noise.mean()) < 4 * sigma / noise.size**0.5 + 0.01
    for level in (sigma * np.array([0.3, 1, 2, 3])).astype(int):
        normal = erf((level + 0.5) / sigma / 2**0.5)
        assert (np.abs(noise) <= level).mean() == pytest.approx(normal, abs=0.005)
    across, down = noise[:, 1:] * noise[:, :-1], noise[1:] * noise[:-1]
    between = noise[..., 0] * noise[..., 1]
    for products in (across, down, between):
        assert abs(products.mean()) < 4 * sigma**2 / products.size**0.5


def test_noise_is_clipped_and_not_wrapped_round():
    image = np.zeros((64, 64, 3), np.uint8)
    image[32:] = 255
    noisy = gaussian_noise(image, 0.05, rng())
    assert noisy[:32].max() < 90
    assert noisy[32:].min() > 165
    assert (noisy[:32] == 0).mean() == pytest.approx(0.5, abs=0.03)


def test_a_cut_is_one_rectangle_that_the_edge_may_cut():
    for seed in range(300):
        hidden = (cutout(OBLONG, 0.25, rng(seed)) == 0).all(-1)
        rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
        assert hidden[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        for places, length in ((rows, 60), (columns, 100)):
            full = length / 4
            at_the_edge = places[0] == 0 or places[-1] == length - 1
            assert full / 2 - 1 <= len(places) <= full + 1
            assert at_the_edge or len(places) >= full - 1


@pytest.mark.parametrize("side", [0.2, 0.5, 1.0])
def test_a_cut_lies_anywhere(side):
    """Where a cut of fraction s is uniform, a place x of 0 to 1 is hidden by the chance of a middle
    within s / 2 of it that is on the axis too."""
    hidden = np.mean([(cutout(GREY, side, rng(seed)) == 0)[..., 0] for seed in range(2000)], axis=0)
    places = (np.arange(96) + 0.5) / 96
    chance = np.minimum(places + side / 2, 1) - np.maximum(places - side / 2, 0)
    assert np.abs(hidden - np.outer(chance, chance)).max() < 0.06
    assert hidden.mean() == pytest.approx((side - side**2 / 4) ** 2, abs=0.01)


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.8])
def test_a_grid_hides_the_square_of_its_ratio_everywhere(ratio):
    hidden = np.mean([grid_mask(GREY, ratio, rng(seed)) == 0 for seed in range(600)], axis=(0, 3))
    assert hidden.mean() == pytest.approx(ratio**2, rel=0.05)
    assert np.abs(hidden - ratio**2).max() < 4.5 * (ratio**2 * (1 - ratio**2) / 600) ** 0.5


def whole_squares(image, ratio, seed):
    """The squares of a grid that no edge cuts: ((x, y), sides, angle) each, sides in pixels."""
    hidden = (grid_mask(image, ratio, rng(seed)) == 0).all(-1).astype(np.uint8)
    framed = np.pad(hidden, 1, constant_values=1)
    cv2.floodFill(framed, None, (0, 0), 0)  # what touches the frame goes
    outlines, _ = cv2.findContours(framed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [cv2.minAreaRect(outline) for outline in outlines]


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.7])
def test_a_grid_is_squares_of_its_ratio_at_the_distance_of_a_unit(ratio):
    image = cv2.resize(OBLONG, (1000, 600))  # of .3 width and .5 height, so a unit of 300 to 301
    for seed in range(12):
        squares = whole_squares(image, ratio, seed)
        middles = np.array([middle for middle, _, _ in squares])
        for _, sides, _ in squares:
            assert sides == pytest.approx((300 * ratio, 300 * ratio), abs=4)
        distances = ((middles[:, None] - middles) ** 2).sum(-1) / 300.5**2
        assert distances == pytest.approx(
            np.rint(distances), abs=0.05
        )  # 1, 2, 4 ... on a square lattice
        assert np.count_nonzero(np.rint(distances)) == len(squares) * (len(squares) - 1)


def test_a_grids_unit_and_turn_are_random():
    image = cv2.resize(GREY, (240, 240))
    first = [squares[0] for seed in range(400) if (squares := whole_squares(image, 0.3, seed))]
    assert len(first) > 300
    sides = np.array([sides for _, sides, _ in first])
    assert sides.min() == pytest.approx(0.3 * 0.3 * 240, abs=2)
    assert sides.max() == pytest.approx(0.3 * (0.5 * 240 + 1), abs=2)
    # up to 54 degrees either way; a square looks the same after 90, so that 36 to 54 come up twice
    angles = np.array([angle for _, _, angle in first]) % 90
    assert ((angles > 36) & (angles < 54)).mean() == pytest.approx(36 / 108, abs=0.07)


def test_a_larger_ratio_hides_the_same_and_more():
    for seed in range(20):
        masks = [grid_mask(GREY, ratio, rng(seed)) == 0 for ratio in np.linspace(0, 1, 9)]
        assert all((more >= less).all() for less, more in pairwise(masks))
        assert masks[-1].all()


def test_what_is_hidden_gets_the_fill():
    assert set(np.unique(cutout(GREY, 0.5, rng(), fill=255))) == {100, 255}
    assert set(np.unique(grid_mask(GREY, 0.5, rng(), fill=7))) == {7, 100}
