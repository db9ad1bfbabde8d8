"""Pairs join groups, and chains of pairs do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcauto.data.near_duplicates.join import joined_groups


def as_sets(groups):
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in groups.tolist()}


@pytest.mark.parametrize(
    ("groups", "pairs", "found"),
    [
        ([0, 1, 2], [], [{0}, {1}, {2}]),
        ([7, 7, 9], [], [{0, 1}, {2}]),
        ([0, 1, 2, 3], [(0, 2)], [{0, 2}, {1}, {3}]),
        ([0, 1, 2, 3], [(0, 2), (2, 3)], [{0, 2, 3}, {1}]),
        ([0, 0, 1, 1, 2, 2], [(1, 3)], [{0, 1, 2, 3}, {4, 5}]),
        ([0, 1], [(0, 0), (1, 1)], [{0}, {1}]),
    ],
)
def test_pairs_join_whole_groups(groups, pairs, found):
    assert as_sets(joined_groups(np.array(groups), pairs)) == {frozenset(s) for s in found}


@given(data=st.data(), count=st.integers(1, 12))
def test_against_merging_by_definition(data, count):
    indices = st.integers(0, count - 1)
    groups = data.draw(st.lists(indices, min_size=count, max_size=count))
    pairs = data.draw(st.lists(st.tuples(indices, indices)))
    merged = list(groups)
    for one, other in pairs:
        merged = [merged[one] if group == merged[other] else group for group in merged]
    assert as_sets(joined_groups(np.array(groups), pairs)) == as_sets(np.array(merged))
