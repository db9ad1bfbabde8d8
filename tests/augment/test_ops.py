from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from bcauto.augment import OPS, Op, op
from bcauto.errors import BadInput

WITH_STRENGTH = [each for each in OPS.values() if each.has_strength]
DRAWING = [each for each in OPS.values() if each.draws]
SIZES = st.sampled_from([(96, 96), (28, 28), (28, 64), (5, 3), (2, 1), (1, 1)])
IMAGES = SIZES.flatmap(lambda size: npst.arrays(np.uint8, (*size, 3), fill=st.integers(0, 255)))

# from here on a mirrored edge brings the picture back, so the change falls again
REACH = {"translate_x": 0.5, "translate_y": 0.5, "shear_x": 0.6, "shear_y": 0.6, "rotate": 30}


def by_name(ops):
    return pytest.mark.parametrize("each", ops, ids=lambda each: each.name)


def mean_change(each: Op, images, strength: float) -> float:
    changed = [each(im, strength, np.random.default_rng(i)) for i, im in enumerate(images)]
    return float(np.abs(np.stack(changed).astype(int) - images).mean())


@by_name(OPS.values())
@given(image=IMAGES, part=st.floats(0, 1), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_any_image_keeps_shape_dtype_and_is_not_written_to(each, image, part, seed):
    image.setflags(write=False)
    strength = each.low + part * (each.high - each.low)
    first, second = (each(image, strength, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)


@by_name([each for each in WITH_STRENGTH if each.name != "jpeg"])
@given(image=IMAGES, seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_strength_zero_is_the_identity(each, image, seed):
    assert np.array_equal(each(image, 0.0, np.random.default_rng(seed)), image)


@by_name([each for each in WITH_STRENGTH if each.name != "hue"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_stronger_op_changes_a_batch_no_less(each, sign, cells):
    end = REACH.get(each.name, each.high) * sign
    strengths = np.linspace(0, end if each.low <= end else each.high, 6)
    changes = [mean_change(each, cells, strength) for strength in strengths]
    assert np.all(np.diff(changes) >= 0), changes
    assert changes[-1] > changes[0]


def test_hue_changes_the_picture_whichever_way(cells):
    assert min(mean_change(op("hue"), cells, degrees) for degrees in (-90, 5, 180)) > 1


@by_name([each for each in OPS.values() if not each.has_strength])
def test_an_op_without_a_strength_does_something(each, cells):
    assert mean_change(each, cells, 0.0) > 1


@by_name(DRAWING)
def test_an_op_that_draws_follows_its_generator(each, cell):
    strength = 0.3 if each.has_strength else 0.0
    images = {each(cell, strength, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(images) > (15 if each.has_strength else 3)


@by_name(WITH_STRENGTH)
def test_a_strength_out_of_range_is_refused(each, cell):
    for strength in (each.low - 0.01, each.high + 0.01, float("nan")):
        with pytest.raises(BadInput, match=f"{each.name} needs a strength from"):
            each(cell, strength, np.random.default_rng(0))


@by_name(WITH_STRENGTH)
def test_the_full_strength_is_legal(each):
    assert each.low <= each.strength(1.0) <= each.high
    assert each.strength(0.5) == pytest.approx(each.strength(1.0) / 2)


def test_an_unknown_op_is_refused_with_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'rotate'"):
        op("rotat")


def test_the_registry_cannot_be_written_to():
    with pytest.raises(TypeError):
        OPS["rotate"] = op("zoom")
    with pytest.raises(AttributeError):
        op("rotate").full = 3.0
