from __future__ import annotations

from functools import reduce

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bcauto.augment.engine import augment_batch
from bcauto.augment.ops import op
from bcauto.augment.pixels import FILLS, warp
from bcauto.augment.policies import Augment, AugMix, Basic, RandAugment
from bcauto.augment.sequence import apply_in_sequence
from bcauto.augment.wide import WideChain, WideOp

MOST = {  # so far that something of the picture is left after three
    "translate_x": 0.2,
    "translate_y": 0.2,
    "shear_x": 0.3,
    "shear_y": 0.3,
    "rotate": 360.0,
    "zoom": 0.3,
}
WARPS = st.sampled_from(list(MOST)).flatmap(
    lambda name: st.floats(-MOST[name], MOST[name]).map(lambda strength: (op(name), (strength,)))
)
SEQUENCES = st.lists(WARPS, min_size=2, max_size=3)
SIZES = st.sampled_from([(96, 96), (64, 96), (96, 50)])


def smooth_picture(size):
    """Waves of 40 pixels and more, so that bilinear resampling loses less than a level."""
    down, across = np.meshgrid(*map(np.arange, size), indexing="ij")
    waves = [np.sin(across / 7 + k) + np.cos(down / 9 + 2 * k) for k in range(3)]
    return (128 + 60 * np.stack(waves, -1)).astype(np.uint8)


def rng():
    return np.random.default_rng(0)


def in_turn(image, sequence, fill="reflect"):
    return reduce(
        lambda picture, sampled: apply_in_sequence(picture, [sampled], rng(), fill), sequence, image
    )


def interior(sequence, size):
    """Where no warp of the sequence saw anything from over the edge: (h, w) booleans."""
    white = in_turn(np.full((*size, 3), 255, np.uint8), sequence, "constant")
    return (cv2.erode(white, np.ones((3, 3))) == 255).all(-1)


@given(sequence=SEQUENCES, size=SIZES)
@settings(max_examples=100, deadline=None)
def test_warps_as_one_are_warps_in_turn_away_from_the_edge(sequence, size):
    image, inside = smooth_picture(size), interior(sequence, size)
    assume(inside.sum() > 50)
    together, one_by_one = (
        apply_in_sequence(image, sequence, rng()).astype(int),
        in_turn(image, sequence),
    )
    assert np.abs(together - one_by_one)[inside].max() <= 2


@given(sequence=SEQUENCES, size=SIZES, fill=st.sampled_from(list(FILLS)))
@settings(max_examples=100, deadline=None)
def test_warps_as_one_are_the_warp_by_the_product_of_their_maps(sequence, size, fill):
    image = smooth_picture(size)
    maps = [np.vstack([each.affine(size, *strength), [0, 0, 1]]) for each, strength in sequence]
    product = np.linalg.multi_dot(maps)  # the last warp's map is the first to find its place
    by_product = warp(image, product[:2], fill).astype(int)
    assert np.abs(apply_in_sequence(image, sequence, rng(), fill) - by_product).max() <= 1


@given(sampled=WARPS, fill=st.sampled_from(list(FILLS)))
@settings(max_examples=60, deadline=None)
def test_a_single_warp_is_the_op_itself(sampled, fill, cell):
    each, (strength,) = sampled
    oblong = cell[:70]
    alone = each.function(oblong, strength, fill)
    assert np.array_equal(apply_in_sequence(oblong, [sampled], rng(), fill), alone)
    assert np.array_equal(
        apply_in_sequence(oblong, [sampled], rng()), each(oblong, strength, rng())
    )


def test_three_turns_of_thirty_degrees_are_a_quarter_turn(cell):
    thirty = (op("rotate"), (30.0,))
    assert np.array_equal(apply_in_sequence(cell, [thirty] * 3, rng()), np.rot90(cell))
    assert not np.array_equal(in_turn(cell, [thirty] * 3), np.rot90(cell))


TURN, SHEAR, ZOOM = (op("rotate"), (25.0,)), (op("shear_x"), (0.2,)), (op("zoom"), (-0.3,))
BRIGHTER, LEVEL = (op("brightness"), (0.3,)), (op("equalize"), ())
CUT, NOISE = (op("cutout"), (0.4,)), (op("gaussian_noise"), (0.1,))


@pytest.mark.parametrize(
    "parts",
    [
        [[TURN, SHEAR], [LEVEL], [ZOOM, TURN]],
        [[BRIGHTER], [TURN, SHEAR, ZOOM], [LEVEL]],
        [[TURN], [(op("flip_horizontal"), ())], [SHEAR]],
        [[LEVEL], [BRIGHTER]],
    ],
)
def test_an_op_between_warps_is_applied_in_its_place(parts, cell):
    whole = [sampled for part in parts for sampled in part]
    one_by_one = reduce(lambda picture, part: apply_in_sequence(picture, part, rng()), parts, cell)
    assert np.array_equal(apply_in_sequence(cell, whole, rng()), one_by_one)
    if len(parts) > 2:
        assert not np.array_equal(apply_in_sequence(cell, whole[::-1], rng()), one_by_one)


def test_random_ops_take_from_one_generator_in_order(cell):
    one, again = rng(), rng()
    one_by_one = op("cutout").function(cell, 0.4, again)
    one_by_one = op("gaussian_noise").function(op("rotate").function(one_by_one, 25.0), 0.1, again)
    assert np.array_equal(apply_in_sequence(cell, [CUT, TURN, NOISE], one), one_by_one)
    assert one.bit_generator.state == again.bit_generator.state


def test_an_empty_sequence_gives_the_input_back(cell):
    assert apply_in_sequence(cell, [], rng()) is cell


def only(*names):
    return WideChain(ops={name: WideOp(probability=1, magnitude=0.4) for name in names})


@pytest.mark.parametrize(
    "policy",
    [
        {"basic": Basic(translation=0.4)},
        {"basic": Basic(rotation=90, zoom=0.5)},
        {"wide": only("translate_x")},
        {"wide": only("shear_x", "rotate")},
        {"randaugment": RandAugment(ops=4)},
        {"augmix": AugMix()},
    ],
    ids=lambda policy: "".join(policy),
)
def test_every_policy_fills_as_it_is_told(policy):
    # all ops of these policies leave a flat picture flat, whatever comes in over the edge is alike
    flat = np.full((40, 24, 30, 3), 96, np.uint8)
    for fill in FILLS:
        results = augment_batch(flat, np.arange(40), 0, 0, Augment(fill=fill, **policy))
        speckled = np.ptp(results, axis=(1, 2)).any()
        assert speckled == (fill == "constant")


def test_a_constant_fill_is_black_and_the_default_reflects():
    white = np.full((40, 24, 30, 3), 255, np.uint8)
    moved = augment_batch(
        white, np.arange(40), 0, 0, Augment(fill="constant", basic=Basic(translation=0.4))
    )
    assert set(np.unique(moved[:, [0, -1]][:, :, [0, -1]])) >= {0, 255}
    assert Augment().fill == "reflect"
