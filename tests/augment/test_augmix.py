from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from bcauto.augment import AugMix
from bcauto.augment import augmix as module
from bcauto.augment.augmix import augmix, draw_chain

PAPER = [
    *("autocontrast", "equalize", "posterize", "solarize", "rotate"),
    *("shear_x", "shear_y", "translate_x", "translate_y"),
]


@cache
def chains(policy: AugMix, times: int = 4000):
    rng = np.random.default_rng(6)
    return [draw_chain(policy, rng) for _ in range(times)]


def test_depths_and_ops_are_uniform():
    drawn = chains(AugMix())
    depths = Counter(len(chain) for chain in drawn)
    assert sorted(depths) == [1, 2, 3]
    assert min(depths.values()) > 4000 / 3 - 130
    counts = Counter(each.name for chain in drawn for each, _ in chain)
    even = counts.total() / 9
    assert set(counts) == set(PAPER)
    assert sum((count - even) ** 2 / even for count in counts.values()) < 26.1  # .999, 8 dof


@pytest.mark.parametrize("severity", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    ("name", "full"),
    [("rotate", 30), ("shear_x", 0.3), ("translate_y", 1 / 3), ("solarize", 256)],
)
def test_strengths_are_uniform_up_to_the_severity(name, full, severity):
    drawn = [each for chain in chains(AugMix(severity=severity)) for each in chain]
    strengths = np.array([strengths[0] for each, strengths in drawn if each.name == name])
    assert np.abs(strengths).max() <= severity * full
    assert np.abs(strengths).mean() == pytest.approx(severity * full / 2, rel=0.1, abs=0.01)
    two_sided = name != "solarize" and severity > 0
    assert (strengths < 0).mean() == pytest.approx(0.5 if two_sided else 0, abs=0.06)


def test_posterize_keeps_four_bits_or_fewer():
    drawn = [each for chain in chains(AugMix(severity=1.0)) for each in chain]
    dropped = Counter(strengths[0] for each, strengths in drawn if each.name == "posterize")
    assert sorted(dropped) == [4, 5, 6, 7]


@pytest.fixture
def white_chains(monkeypatch):
    monkeypatch.setattr(module, "_chain", lambda image, _policy, _rng: np.full_like(image, 255))


@pytest.mark.usefixtures("white_chains")
@pytest.mark.parametrize(("alpha", "variance"), [(1.0, 1 / 12), (4.0, 1 / 36), (0.02, 0.24)])
def test_the_original_keeps_a_beta_share_and_the_chains_share_the_rest(alpha, variance):
    black = np.zeros((2, 2, 3), np.uint8)
    rng = np.random.default_rng(7)
    shares = [augmix(black, AugMix(alpha=alpha), rng)[0, 0, 0] / 255 for _ in range(3000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert np.var(shares) == pytest.approx(variance, rel=0.1)


@pytest.mark.usefixtures("white_chains")
def test_shares_sum_to_one_so_that_white_stays_white():
    white = np.full((4, 4, 3), 255, np.uint8)
    rng = np.random.default_rng(8)
    assert all(augmix(white, AugMix(chains=10), rng).min() == 255 for _ in range(50))
