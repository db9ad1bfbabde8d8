"""Groups of near duplicates are the connected parts of the pairs."""

from itertools import pairwise

import numpy as np
import pytest

from bcauto.data.near_duplicates import groups as module
from bcauto.data.near_duplicates.groups import near_duplicate_groups
from bcauto.data.near_duplicates.pairs import near_duplicates


@pytest.fixture
def numbered(monkeypatch):
    """Pictures by number, of which neighbours in these rows are near duplicates."""
    rows = [[3, 8, 1], [5, 6], [0], [2], [4], [7], [9, 10, 11, 12]]
    beside = {frozenset(pair) for row in rows for pair in pairwise(row)}

    def pairs(train, val):
        return [
            (a, b)
            for a, one in enumerate(train.tolist())
            for b, other in enumerate(val.tolist())
            if one == other or frozenset((one, other)) in beside
        ]

    monkeypatch.setattr(module, "near_duplicates", pairs)
    return np.arange(13)


@pytest.mark.parametrize(
    ("of", "found"),
    [
        ([3], [[1, 3, 8]]),
        ([8, 3], [[1, 3, 8]]),
        ([7, 5], [[5, 6], [7]]),
        ([12, 0, 9], [[0], [9, 10, 11, 12]]),
    ],
)
def test_a_group_is_what_a_chain_of_pairs_leads_to(numbered, of, found):
    assert [group.tolist() for group in near_duplicate_groups(numbered, np.array(of))] == found


def test_real_pictures_and_their_turns():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (6, 8, 8, 3), np.uint8)
    pictures = noise.repeat(4, axis=1).repeat(4, axis=2)
    turned = [np.rot90(pictures[at]) for at in (1, 4, 4)]
    turned[2] = (turned[2] * 0.9).astype(np.uint8)
    whole = np.stack([*pictures, *turned])
    assert near_duplicates(whole[:6], whole[:6]) == [(at, at) for at in range(6)]
    found = near_duplicate_groups(whole, np.array([0, 1, 4]))
    assert [group.tolist() for group in found] == [[0], [1, 6], [4, 7, 8]]
