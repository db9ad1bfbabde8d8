from __future__ import annotations

import numpy as np
import pytest

from bcauto.plots.scatter import _axis


@pytest.mark.parametrize(
    "values",
    [[], [0.5], [0.0], [1.0], [0.0, 1.0], [0.94, 0.9889], [0.61234, 0.61235], [0.333, 0.3367]],
    ids=str,
)
def test_an_axis_surrounds_its_values_with_two_to_seven_round_ticks(values):
    axis = _axis(values)
    assert all(axis.low - 1e-9 <= value <= axis.high + 1e-9 for value in values)
    ticks = list(axis.ticks)
    assert 2 <= len(ticks) <= 7
    assert (ticks[0], ticks[-1]) == (axis.low, axis.high)
    assert [float(text) for text in axis.ticks.values()] == pytest.approx(ticks, abs=1e-9)
    leading = {f"{step:.0e}"[0] for step in np.diff(ticks)}
    assert len(leading) == 1
    assert leading <= {"1", "2", "5"}
