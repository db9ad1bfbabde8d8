from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from bcauto.augment.engine import augment_batch
from bcauto.augment.ops import OPS, Op, op
from bcauto.augment.policies import Augment
from bcauto.augment.wide import WideChain, WideOp
from bcauto.errors import BadInput

ALL = list(OPS.values())
WITH_STRENGTH = [each for each in ALL if each.has_strength]
WITHOUT = [each for each in ALL if not each.has_strength]
DRAWING = [each for each in ALL if each.is_random]
DIRECTIONS = [(each, 1) for each in WITH_STRENGTH]
DIRECTIONS += [(each, -1) for each in WITH_STRENGTH if each.low < 0]
SIZES = st.sampled_from([(96, 96), (28, 28), (28, 64), (5, 3), (2, 1), (1, 1)])
IMAGES = SIZES.flatmap(lambda size: npst.arrays(np.uint8, (*size, 3), fill=st.integers(0, 255)))

# different results among 16 samples, where fewer than 14 are to be expected: two of what happens or
# not, six orders, eight depths, fifty qualities; a blur under a quarter of a pixel changes nothing
FEWEST = {each.name: 2 for each in WITHOUT}
FEWEST |= {"channel_shuffle": 4, "posterize": 5, "jpeg": 10, "gaussian_blur": 10}


def by_name(ops):
    return pytest.mark.parametrize("each", ops, ids=lambda each: each.name)


def mean_change(each: Op, images, strength: float) -> float:
    changed = [each(im, strength, np.random.default_rng(i)) for i, im in enumerate(images)]
    return float(np.abs(np.stack(changed).astype(int) - images).mean())


def always(each: Op, magnitude: float = 1.0) -> Augment:
    """The op alone on every picture; on every other one if there is but one way to apply it."""
    probability = 1.0 if each.has_strength or each.is_random else 0.5
    settings = WideOp(probability=probability, magnitude=magnitude if each.has_strength else None)
    return Augment(wide=WideChain(ops={each.name: settings}))


@by_name(ALL)
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


@pytest.mark.parametrize(
    ("each", "sign"), DIRECTIONS, ids=[f"{each.name}{sign:+}" for each, sign in DIRECTIONS]
)
def test_a_stronger_op_changes_a_batch_no_less(each, sign, batch):
    some = batch[:64]
    strengths = sign * np.linspace(0, min(each.growing_to, each.high), 7)
    changes = [mean_change(each, some, strength) for strength in strengths]
    assert np.all(np.diff(changes) >= 0), changes
    assert changes[-1] > changes[0]
    assert (changes[0] == 0) == (each.name != "jpeg")


@by_name(WITHOUT)
def test_an_op_without_a_strength_does_something(each, batch):
    assert mean_change(each, batch[:64], 0.0) > 1


@by_name(ALL)
def test_the_same_key_gives_the_same_bytes_and_another_place_others(each, cell):
    same, places = np.stack([cell] * 16), np.arange(16)
    first, second = (augment_batch(same, places, 2, 7, always(each)) for _ in range(2))
    assert np.array_equal(first, second)
    assert len({image.tobytes() for image in first}) >= FEWEST.get(each.name, 14)


@by_name(DRAWING)
def test_a_random_op_follows_its_generator(each, cell):
    strength = 0.3 if each.has_strength else 0.0
    images = {each(cell, strength, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(images) > (15 if each.has_strength else 3)


@by_name(WITH_STRENGTH)
def test_a_strength_out_of_range_is_refused(each, cell):
    for strength in (each.low - 0.01, each.high + 0.01, float("nan")):
        with pytest.raises(BadInput, match=f"{each.name} needs a strength from"):
            each(cell, strength, np.random.default_rng(0))


@by_name(WITH_STRENGTH)
def test_the_full_strength_is_legal_and_magnitudes_are_linear(each):
    assert each.low <= each.strength(1.0) <= each.high
    assert each.strength(0.5) == pytest.approx(each.strength(1.0) / 2)
    assert each.strength(0.0) == 0


def test_flips_equalize_autocontrast_and_shuffle_have_no_strength():
    assert {each.name for each in WITHOUT} == {
        *("flip_horizontal", "flip_vertical", "equalize", "autocontrast", "channel_shuffle")
    }


def test_an_unknown_op_is_refused_with_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'rotate'"):
        op("rotat")


def test_the_registry_cannot_be_written_to():
    with pytest.raises(TypeError):
        OPS["rotate"] = op("zoom")
    with pytest.raises(AttributeError):
        op("rotate").full = 3.0
