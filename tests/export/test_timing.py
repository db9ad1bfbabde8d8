from __future__ import annotations

import time
from itertools import accumulate

import numpy as np

from bcauto.export.timing import milliseconds_a_picture


def test_it_is_the_best_time_of_several_over_the_pictures_that_were_given(monkeypatch):
    readings = accumulate([0, 0.7, 1, 0.32, 1, 0.64, 1, 0.5])  # seconds on the clock
    monkeypatch.setattr(time, "perf_counter", lambda: next(readings))
    given = []
    pictures = np.zeros((300, 2, 2, 3), np.uint8)
    found = milliseconds_a_picture(lambda some: given.append(len(some)), pictures)
    assert found == 2.5  # 0.32 s for 128 pictures
    assert given == [128] * 4
