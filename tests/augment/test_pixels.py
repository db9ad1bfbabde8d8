from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.augment.pixels import blend, span


@given(
    parts=st.lists(st.floats(0, 1), min_size=1, max_size=11).filter(lambda parts: sum(parts) > 0.1),
    size=st.sampled_from([(1, 1), (3, 5), (28, 33)]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_a_blend_is_the_weighted_sum_rounded_once(parts, size, seed):
    images = np.random.default_rng(seed).integers(0, 256, (len(parts), *size, 3)).astype(np.uint8)
    images[:, 0, 0] = 255
    weights = np.array(parts) / sum(parts)
    blended = blend(list(images), weights.tolist())
    exact = np.tensordot(weights, images.astype(np.float64), axes=1)
    assert blended.dtype == np.uint8
    assert np.abs(blended - exact).max() <= 0.5 + 1e-3  # of float32
    assert (blended[0, 0] == 255).all()


@pytest.mark.parametrize("count", range(1, 12))
def test_no_image_is_left_out_of_a_blend_and_none_is_written_to(count):
    for place in range(count):
        images = [np.full((2, 3, 3), 40 if i == place else 0, np.uint8) for i in range(count)]
        for image in images:
            image.setflags(write=False)
        assert (blend(images, [1 / count] * count) == round(40 / count)).all()


@given(length=st.integers(1, 200), share=st.floats(0, 1), seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_a_span_is_its_share_unless_the_edge_cuts_it(length, share, seed):
    cut = span(length, share, np.random.default_rng(seed))
    assert 0 <= cut.start <= cut.stop <= length
    covered = cut.stop - cut.start
    assert covered <= share * length + 1
    if cut.start > 0 and cut.stop < length:
        assert covered >= share * length - 1


def test_the_middle_of_a_span_is_anywhere(uniform):
    rng = np.random.default_rng(0)
    spans = [span(100_000, 0.2, rng) for _ in range(4000)]
    inside = np.array([cut.start for cut in spans if cut.start > 0 and cut.stop < 100_000])
    assert len(inside) / 4000 == pytest.approx(0.8, abs=0.03)
    uniform(inside, 0, 80_000)
    lengths = [cut.stop - cut.start for cut in spans]
    assert np.mean(lengths) == pytest.approx((0.2 - 0.2**2 / 4) * 100_000, rel=0.02)


def test_a_span_of_nothing_is_empty_and_one_of_all_reaches_the_middle():
    for seed in range(50):
        assert not np.arange(96)[span(96, 0.0, np.random.default_rng(seed))].size
        assert np.arange(96)[span(96, 1.0, np.random.default_rng(seed))].size >= 47
