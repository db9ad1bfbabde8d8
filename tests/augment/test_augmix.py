from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from bcauto.augment import augmix as module
from bcauto.augment.augmix import augmix, sample_chains
from bcauto.augment.policies import AugMix

PAPER = [
    *("autocontrast", "equalize", "posterize", "solarize", "rotate"),
    *("shear_x", "shear_y", "translate_x", "translate_y"),
]


@cache
def chains(policy: AugMix, times: int = 1400):
    rng = np.random.default_rng(6)
    return [chain for _ in range(times) for chain in sample_chains(policy, rng)]


def strengths_of(name, policy):
    sampled = [each for chain in chains(policy) for each in chain]
    return np.array([strengths[0] for each, strengths in sampled if each.name == name])


@pytest.mark.parametrize(("fewest", "most"), [(1, 3), (2, 2), (2, 6), (1, 10)])
def test_depths_and_ops_are_uniform(fewest, most, fits):
    sampled = chains(AugMix(min_depth=fewest, max_depth=most))
    depths = Counter(len(chain) for chain in sampled)
    possible = range(fewest, most + 1)
    assert set(depths) == set(possible)
    fits([depths[depth] for depth in possible], [1 / len(possible)] * len(possible))
    counts = Counter(each.name for chain in sampled for each, _ in chain)
    assert set(counts) == set(PAPER)
    fits([counts[name] for name in PAPER], [1 / 9] * 9)


@pytest.mark.parametrize("number", [1, 3, 10])
def test_there_are_as_many_chains_as_the_policy_says(number):
    assert len(sample_chains(AugMix(chains=number), np.random.default_rng(0))) == number


def test_the_ops_of_neighbouring_chains_are_independent(fits):
    policy = AugMix(chains=2, min_depth=1, max_depth=1)
    sampled = [chain[0][0].name for chain in chains(policy, 2500)]
    pairs = Counter(zip(sampled[::2], sampled[1::2], strict=True))
    fits([pairs[first, second] for first in PAPER for second in PAPER], [1 / 81] * 81)


@pytest.mark.parametrize("severity", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("rotate", 30),
        ("shear_x", 0.3),
        ("shear_y", 0.3),
        ("translate_x", 1 / 3),
        ("translate_y", 1 / 3),
    ],
)
def test_warps_are_uniform_up_to_the_severity_either_way(name, full, severity, fits, uniform):
    strengths = strengths_of(name, AugMix(severity=severity)) / full
    if severity == 0:
        assert not strengths.any()
        return
    uniform(np.abs(strengths), 0.01, severity)
    fits([(strengths < 0).sum(), (strengths > 0).sum()], [1 / 2, 1 / 2])


@pytest.mark.parametrize("severity", [0.3, 1.0])
def test_solarize_inverts_the_upper_256_levels_times_the_strength(severity, uniform):
    depths = strengths_of("solarize", AugMix(severity=severity))
    uniform(depths, int(2.56), 256 * severity)


@pytest.mark.parametrize(
    ("severity", "chances"), [(0.2, {4: 1}), (0.5, {4: 0.24, 5: 0.25}), (1.0, None)]
)
def test_posterize_keeps_four_bits_less_four_times_the_strength(severity, chances, fits):
    # strengths are uniform from .01, and at least one bit stays
    chances = chances or {4: 0.24, 5: 0.25, 6: 0.25, 7: 0.25}
    dropped = Counter(strengths_of("posterize", AugMix(severity=severity)).tolist())
    assert set(dropped) == set(chances)
    fits([dropped[bits] for bits in chances], np.array([*chances.values()]) / sum(chances.values()))


@pytest.fixture
def coloured_chains(monkeypatch):
    """Each chain makes the picture full of a channel of its own, in place of its ops."""
    channel = iter(range(1_000_000))

    def fill(image, *_):
        result = np.zeros_like(image)
        result[..., next(channel) % 3] = 255
        return result

    monkeypatch.setattr(module, "apply_in_sequence", fill)


@pytest.mark.usefixtures("coloured_chains")
@pytest.mark.parametrize("alpha", [1.0, 4.0, 0.02])
def test_the_original_keeps_a_beta_share_and_the_chains_share_the_rest(alpha):
    black, rng = np.zeros((2, 2, 3), np.uint8), np.random.default_rng(7)
    chains = np.array([augmix(black, AugMix(alpha=alpha), rng)[0, 0] / 255 for _ in range(4000)])
    rest = chains.sum(1)
    assert rest.mean() == pytest.approx(0.5, abs=0.03)
    assert rest.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)
    parts = chains[rest > 0.2] / rest[rest > 0.2, None]
    assert parts.mean(0) == pytest.approx([1 / 3] * 3, abs=0.03)
    # of a Dirichlet of three: (1 / 3) (2 / 3) / (3 alpha + 1)
    assert parts.var(0) == pytest.approx([2 / 9 / (3 * alpha + 1)] * 3, rel=0.12)


def test_shares_sum_to_one_so_that_white_stays_white(monkeypatch):
    monkeypatch.setattr(module, "apply_in_sequence", lambda image, *_: image)
    white, rng = np.full((4, 4, 3), 255, np.uint8), np.random.default_rng(8)
    for number in range(1, 11):
        assert all(augmix(white, AugMix(chains=number), rng).min() == 255 for _ in range(20))


def test_every_chain_starts_from_the_original(cell, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "apply_in_sequence", lambda image, *_: seen.append(image) or image)
    augmix(cell, AugMix(chains=4), np.random.default_rng(0))
    assert len(seen) == 4
    assert all(image is cell for image in seen)
