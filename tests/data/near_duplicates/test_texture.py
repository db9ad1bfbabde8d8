"""The second look: two pictures laid upon each other, and their textures compared."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bcauto.data.near_duplicates.pose import TURNS, Pose
from bcauto.data.near_duplicates.texture import TextureMatcher, small_shift

UPRIGHT = TURNS[0]


def grain(side, seed=0, scale=1.5):
    """A grey picture of grain, so large that parts of it are pictures that are shifted."""
    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), scale)
    return np.dstack([128 + 40 * soft / soft.std()] * 3).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("turn", TURNS)
def test_a_picture_is_itself_after_its_own_turn_only(turn):
    picture = grain(40)
    scores = {
        other: TextureMatcher((40, 40)).score(turn(picture), picture, other) for other in TURNS
    }
    assert scores.pop(turn) == pytest.approx(1)
    assert max(scores.values()) < 0.5


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, -1), (2, 2), (-2, 1)])
def test_a_small_shift_costs_nothing(shift):
    whole = grain(60)
    first, second = whole[10:50, 10:50], np.roll(whole, shift, (0, 1))[10:50, 10:50]
    assert TextureMatcher((40, 40)).score(first, second, UPRIGHT) == pytest.approx(1, abs=0.02)


def test_a_larger_shift_is_another_picture():
    whole = grain(60)
    matcher = TextureMatcher((40, 40))
    assert not matcher.are_same(whole[10:50, 10:50], whole[16:56, 10:50], Pose())


@pytest.mark.parametrize("shift", [1, 2])
@pytest.mark.parametrize("side", [80, 96, 128, 200])
def test_a_shift_by_a_part_of_a_pixel_costs_little(side, shift):
    """Pictures larger than those that are compared, in which a shift is no whole px."""
    whole = grain(side + 8, scale=3)
    first, second = whole[4:-4, 4:-4], whole[4 + shift :, 4 - shift :][:side, :side]
    assert TextureMatcher((side, side)).score(first, second, UPRIGHT) > 0.97


def test_the_score_is_a_correlation_of_bands():
    """By definition, where nothing is to be shifted or resized."""
    first, second = (grain(32, seed)[..., 0].astype(float) for seed in (1, 2))
    mixed = (0.7 * first + 0.3 * second).round().astype(np.uint8)
    bands = []
    for picture in (first, mixed.astype(float)):
        fine, coarse = (cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in (1, 2))
        bands.append((fine - coarse).ravel())
    expected = np.dot(*bands) / np.prod(np.linalg.norm(bands, axis=1))
    colours = [np.dstack([p.astype(np.uint8)] * 3) for p in (first, mixed)]
    assert TextureMatcher((32, 32)).score(*colours, UPRIGHT) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("change", [lambda x: x / 2, lambda x: x / 2 + 100, lambda x: x + 30])
def test_brightness_and_contrast_do_not_count(change):
    picture = grain(40)
    other = change(picture.astype(float)).clip(0, 255).round().astype(np.uint8)
    assert TextureMatcher((40, 40)).score(picture, other, UPRIGHT) > 0.98


def test_a_picture_without_texture_is_like_nothing():
    flat = np.full((40, 40, 3), 90, np.uint8)
    assert TextureMatcher((40, 40)).score(flat, flat, UPRIGHT) == 0
    assert TextureMatcher((40, 40)).score(flat, grain(40), UPRIGHT) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("size", "shift"),
    [((8, 96), 0), ((13, 13), 0), ((14, 99), 1), ((27, 27), 1), ((28, 28), 2), ((512, 512), 2)],
)
def test_what_counts_as_a_small_shift(size, shift):
    assert small_shift(size) == shift


def test_few_pixels_must_agree_more():
    thresholds = [TextureMatcher((side, side)).threshold for side in (8, 16, 28, 36, 37, 64, 300)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > 0.99
    assert thresholds[2] == pytest.approx(0.952, abs=0.001)
    assert thresholds[3] > thresholds[4] == thresholds[-1] == 0.92


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_a_pose_comes_closest_to_its_quarter_turn(mirrored, quarters):
    picture = grain(20)[:, :, 0]
    expected = np.rot90(picture[:, ::-1] if mirrored else picture, quarters)
    pose = Pose(mirrored, 90 * quarters + 30)
    np.testing.assert_array_equal(pose.turn(picture), expected)
    assert pose.rest == 30
    assert pose._replace(angle=pose.angle - 360).turn == pose.turn


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [3, 40, 100, 215, 333])
@pytest.mark.parametrize("side", [28, 90])
def test_a_picture_is_itself_after_any_turn_and_a_shift(mirrored, angle, side):
    """The pose is half a pixel and a degree off, as harmonics are."""
    picture = grain(side, scale=2.5)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2,) * 2, angle, 1)
    matrix[:, 2] += (0.4, -0.3)
    upright = np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)
    turned = cv2.warpAffine(upright, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    back = angle if mirrored else -angle
    matcher = TextureMatcher((side, side))
    assert matcher.are_same(picture, turned, Pose(mirrored, back + 1))
    assert not matcher.are_same(picture, turned, Pose(mirrored, back + 25))
    assert not matcher.are_same(grain(side, seed=1, scale=2.5), turned, Pose(mirrored, back + 1))


def drawing(*corners):
    """A white shape on black, 28 px."""
    canvas = np.zeros((28, 28, 3), np.uint8)
    return cv2.fillPoly(canvas, [np.array(corners)], (255, 255, 255), cv2.LINE_AA)


def test_simple_drawings_must_agree_more():
    """Two shapes that differ in a corner, whose textures correlate by 0.956."""
    one = drawing((6, 6), (21, 6), (21, 21), (6, 21))
    other = drawing((6, 6), (21, 6), (21, 18), (18, 21), (6, 21))
    matcher = TextureMatcher((28, 28))
    assert 0.952 < matcher.score(one, other, UPRIGHT) < 0.96
    assert not matcher.are_same(one, other, Pose())
    assert matcher.are_same(one, (one * 0.9).astype(np.uint8), Pose())
