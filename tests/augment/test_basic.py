from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bcauto.augment.basic import sample_basic
from bcauto.augment.policies import Basic

FULL = Basic(flip=True, rotation=30, translation=0.2, zoom=0.3, contrast=0.4, brightness=0.5)
MOST = {
    "rotate": 30,
    "translate_x": 0.2,
    "translate_y": 0.2,
    "zoom": 0.3,
    "contrast": 0.4,
    "brightness": 0.5,
}
FLIPS = ("flip_horizontal", "flip_vertical")


def sequences(policy, times=4000):
    rng = np.random.default_rng(1)
    return [sample_basic(policy, rng) for _ in range(times)]


def test_every_number_is_sampled_evenly_to_both_sides(uniform):
    sampled = sequences(FULL)
    for name, most in MOST.items():
        strengths = [
            strength for sequence in sampled for each, strength in sequence if each.name == name
        ]
        assert len(strengths) == 4000
        uniform(np.array(strengths)[:, 0], -most, most)


def test_numbers_are_independent():
    sampled = sequences(FULL)
    strengths = [[strength[0] for each, strength in sequence if strength] for sequence in sampled]
    assert np.abs(np.corrcoef(np.transpose(strengths)) - np.eye(6)).max() < 0.08


def test_flips_are_even_and_independent(fits):
    ways = Counter(
        tuple(each.name for each, _ in sequence) for sequence in sequences(Basic(flip=True))
    )
    fits([ways[way] for way in ((), FLIPS[:1], FLIPS[1:], FLIPS)], [1 / 4] * 4)


def test_flips_come_first_then_one_warp_then_contrast_and_brightness():
    longest = max(sequences(FULL, 100), key=len)
    assert [each.name for each, _ in longest] == [*FLIPS, *MOST]


@pytest.mark.parametrize("field", ["rotation", "translation", "zoom", "contrast", "brightness"])
def test_what_is_zero_is_off(field):
    names = {each.name for sequence in sequences(Basic(**{field: 0.1}), 50) for each, _ in sequence}
    on = {"rotation": {"rotate"}, "translation": {"translate_x", "translate_y"}}
    assert names == on.get(field, {field})
    assert not any(sequences(Basic(), 50))
