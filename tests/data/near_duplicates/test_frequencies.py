"""Frequencies against a cosine transform by definition, and what a turn does to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.data.near_duplicates.frequencies import frequencies, turn_invariants, turned
from bcauto.data.near_duplicates.texture import TURNS


@pytest.fixture
def noise(images_of):
    return images_of(6, (30, 30), seed=2)


def by_definition(image):
    """Norm-1 weighted cosine sums of one picture of 16 px, frequency by frequency."""
    values = []
    for channel, plane in enumerate(np.moveaxis(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), -1, 0)):
        for down in range(8):
            for across in range(8):
                if 0 < np.hypot(down, across) < (8, 4, 4)[channel]:
                    wave = [
                        [
                            np.cos(np.pi * down * (y + 0.5) / 16)
                            * np.cos(np.pi * across * (x + 0.5) / 16)
                            for x in range(16)
                        ]
                        for y in range(16)
                    ]
                    values.append((plane * wave).sum() * np.hypot(down, across))
    return np.array(values) / np.linalg.norm(values)


def unshifted(images):
    return frequencies(images, [(0, 0)])[:, 0]


def test_against_the_definition():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (13, 13, 3), np.uint8)
    upright = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(unshifted(image[None])[0], by_definition(upright), atol=1e-5)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_pictures_frequencies_are_turned_frequencies(noise, turn):
    pictures = np.stack([turn(image) for image in noise])
    np.testing.assert_allclose(unshifted(pictures), turned(unshifted(noise), turn), atol=3e-3)


def test_a_shift_moves_the_window(images_of):
    wide = images_of(1, (40, 40))
    there = frequencies(wide, [(1, -2)])[0, 0]
    here = frequencies(np.roll(wide, (-1, 2), (1, 2)), [(0, 0)])[0, 0]
    np.testing.assert_allclose(there, here, atol=1e-5)


def test_flat_pictures_have_none():
    assert not unshifted(np.full((2, 16, 16, 3), 9, np.uint8)).any()


@given(seed=st.integers(0, 2**32))
def test_no_turn_correlates_two_pictures_more_than_their_invariants(seed):
    """Of pictures of few waves, whose invariants bound most tightly."""
    rng = np.random.default_rng(seed)
    some = unshifted(np.zeros((1, 8, 8, 3), np.uint8)).size
    first, second = (rng.normal(size=some) * (rng.random(some) < 0.1) for _ in range(2))
    first, second = (v / max(np.linalg.norm(v), 1e-9) for v in (first, second))
    first, second = first.astype(np.float32), second.astype(np.float32)
    most = max(float(turned(second, turn) @ first) for turn in TURNS)
    assert most <= float(turn_invariants(second) @ turn_invariants(first)) + 1e-6


def test_sizes_do_not_change_with_a_turn(noise):
    for turn in TURNS:
        np.testing.assert_allclose(
            turn_invariants(turned(unshifted(noise), turn)),
            turn_invariants(unshifted(noise)),
            atol=1e-6,
        )
    np.testing.assert_allclose(
        np.linalg.norm(turn_invariants(unshifted(noise)), axis=1), 1, atol=1e-5
    )
