from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from bcauto.augment.policies import RandAugment
from bcauto.augment.randaugment import sample_randaugment

KERAS_CV = [
    *("autocontrast", "equalize", "solarize", "degenerate_colour", "contrast", "brightness"),
    *("shear_x", "shear_y", "translate_x", "translate_y"),
]


@cache
def sequences(policy: RandAugment, times: int = 4000):
    rng = np.random.default_rng(5)
    return [sample_randaugment(policy, rng) for _ in range(times)]


def strengths_of(name: str, policy: RandAugment) -> np.ndarray:
    sampled = [each for sequence in sequences(policy) for each in sequence]
    return np.array([strengths for each, strengths in sampled if each.name == name])


def test_ops_are_as_frequent_as_defined(fits):
    sampled = sequences(RandAugment(ops=2))
    counts = Counter(each.name for sequence in sampled for each, _ in sequence)
    assert set(counts) == set(KERAS_CV)
    # each of the ten ops and the identity once in eleven
    fits([*(counts[name] for name in KERAS_CV), 8000 - counts.total()], [1 / 11] * 11)


def test_the_ops_of_a_sequence_are_independent(fits):
    pairs = Counter(
        tuple(each.name for each, _ in sequence)
        for sequence in sequences(RandAugment(ops=2, rate=1))
    )
    fits([pairs[first, second] for first in KERAS_CV for second in KERAS_CV], [1 / 100] * 100)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ops", [1, 4])
def test_each_op_of_the_row_happens_at_the_rate(ops, rate, fits):
    lengths = Counter(
        len(sequence) for sequence in sequences(RandAugment(ops=ops, rate=rate), 2000)
    )
    coins = np.array([1.0])
    for _ in range(ops):
        coins = np.convolve(coins, [1 - rate, rate])
    fits([lengths[length] for length in range(ops + 1)], coins)


@pytest.mark.parametrize("name", ["brightness", "contrast", "translate_x", "translate_y"])
def test_additive_ops_are_uniform_up_to_the_magnitude(name, uniform):
    uniform(strengths_of(name, RandAugment(magnitude=0.4))[:, 0], -0.4, 0.4)


@pytest.mark.parametrize("name", ["shear_x", "shear_y", "degenerate_colour"])
def test_other_ops_are_normal_about_the_magnitude(name):
    sampled = strengths_of(name, RandAugment(magnitude=0.5, magnitude_stddev=0.1))[:, 0]
    assert np.abs(sampled).mean() == pytest.approx(0.5, abs=0.02)
    assert np.abs(sampled).std() == pytest.approx(0.1, rel=0.1)
    within = (np.abs(np.abs(sampled) - 0.5) < 0.1).mean()
    assert within == pytest.approx(0.683, abs=0.06)
    assert (sampled < 0).mean() == pytest.approx(0.5 if "shear" in name else 0.0, abs=0.06)


def test_magnitudes_are_clipped():
    sampled = strengths_of("degenerate_colour", RandAugment(magnitude=1.0, magnitude_stddev=0.5))
    assert sampled.max() == 1.0
    assert sampled.min() >= 0.0


def test_solarize_samples_depth_and_addition_independently():
    depth, addition = strengths_of("solarize", RandAugment(magnitude=0.5)).T
    assert depth.mean() == pytest.approx(128.5, abs=5)
    assert depth.std() == pytest.approx(0.15 * 255, rel=0.1)
    assert addition.mean() == pytest.approx(55, abs=2)
    assert addition.std() == pytest.approx(0.15 * 110, rel=0.1)
    assert addition.max() <= 110
    assert abs(np.corrcoef(depth, addition)[0, 1]) < 0.12


@pytest.mark.parametrize("policy", [RandAugment(ops=0), RandAugment(rate=0)])
def test_no_ops_are_an_empty_row(policy):
    assert not any(sequences(policy, 20))
