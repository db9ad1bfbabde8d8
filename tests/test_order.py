from __future__ import annotations

import pytest

from bcauto.order import as_natural


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1", "2", "9", "10", "11", "100"],
        ["a", "a1", "a2", "a10", "a10b2", "a10b11", "b"],
        ["01", "1", "002", "2", "10"],
        ["", "3", "x"],
        ["²", "٣"],  # digits of other kinds are text
        ["1", " 1"],
    ],
)
def test_natural_order(names):
    backwards = names[::-1]
    assert sorted(backwards, key=as_natural) == names
