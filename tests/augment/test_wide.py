from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from bcauto.augment.ops import GROUPS, OPS, op
from bcauto.augment.wide import WideChain, WideGroup, WideOp, sample_wide
from bcauto.recipe.recipe import Recipe

# what is known of the best public system: its families, and their probabilities of .1 to .4
FAMILIES = {
    *("translate_x", "translate_y", "shear_x", "shear_y", "rotate", "zoom", "brightness"),
    *("contrast", "solarize", "saturation", "channel_shift", "degenerate_colour"),
    *("cutout", "grid_mask"),
}


def sequences(chain, times=4000):
    rng, menu = np.random.default_rng(2), chain.scaled_ops
    return [sample_wide(menu, rng) for _ in range(times)]


def happened(chain, times=4000):
    """(times, ops) booleans: which op of the chain is in which sequence."""
    names = [{each.name for each, _ in sequence} for sequence in sequences(chain, times)]
    return np.array([[name in present for name in chain.ops] for present in names])


def one(name, probability=1.0, magnitude=None, **factors):
    ops = {name: WideOp(probability=probability, magnitude=magnitude)}
    return WideChain(ops=ops, **factors)


def test_the_default_is_the_best_public_systems():
    ops = WideChain().ops
    assert set(ops) == FAMILIES
    assert all(0.1 <= each.probability <= 0.4 for each in ops.values())
    assert 0.3 <= ops["translate_x"].magnitude == ops["translate_y"].magnitude <= 0.4
    assert ops["cutout"].magnitude == 0.2


@pytest.mark.parametrize("chain", [WideChain(), WideChain(rate=2), WideChain(rate=0.3)])
def test_ops_are_as_frequent_as_their_probabilities_and_independent(chain, fits):
    seen = happened(chain)
    for each, column in zip(chain.ops.values(), seen.T, strict=True):
        chance = chain.rate * each.probability
        fits([column.sum(), (~column).sum()], [chance, 1 - chance])
    for one, other in combinations(seen.T.astype(float), 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.08


def test_probabilities_are_capped_at_one():
    seen = happened(WideChain(rate=4), 200)
    sure = [4 * each.probability >= 1 for each in WideChain().ops.values()]
    assert 0 < sum(sure) < len(sure)
    assert np.array_equal(seen.all(0), sure)
    assert happened(WideChain(rate=10), 200).all()
    assert not happened(WideChain(rate=0), 200).any()


@pytest.mark.parametrize("name", [each.name for each in OPS.values() if each.has_strength])
@pytest.mark.parametrize(("magnitude", "factor"), [(0.3, 1), (0.3, 0.5), (0.4, 2), (0.5, 10)])
def test_strengths_are_even_up_to_the_magnitude_times_its_factor(name, magnitude, factor, uniform):
    each = op(name)
    most = abs(each.full) * min(magnitude * factor, 1)
    sampled = sequences(one(name, magnitude=magnitude, strength=factor), 1000)
    strengths = np.array([strengths[0] for ((_, strengths),) in sampled])
    uniform(strengths, -most if each.low < 0 else 0, most)


def test_a_strength_factor_of_zero_leaves_pictures_as_they_are(cell):
    for name in FAMILIES:
        ((each, (strength,)),) = sequences(one(name, magnitude=0.5, strength=0), 1)[0]
        assert np.array_equal(each(cell, strength, np.random.default_rng(0)), cell)


@pytest.mark.parametrize("name", ["equalize", "flip_vertical", "channel_shuffle"])
def test_an_op_without_a_strength_is_given_none(name):
    assert sequences(one(name), 3) == [[(op(name), ())]] * 3
    assert happened(one(name, 0.2, rate=2)).mean() == pytest.approx(0.4, abs=0.03)


def test_the_order_is_that_of_ops_whatever_the_tables():
    everything = {
        name: WideOp(probability=1, magnitude=0.1 if each.has_strength else None)
        for name, each in OPS.items()
    }
    for seed in range(5):
        names = np.random.default_rng(seed).permutation(list(everything)).tolist()
        (sequence,) = sequences(WideChain(ops={name: everything[name] for name in names}), 1)
        assert [each.name for each, _ in sequence] == list(OPS)
        reversed_chain = WideChain(ops={name: everything[name] for name in names[:7]})
        assert list(reversed_chain.ops) == [name for name in OPS if name in names[:7]]


def test_two_tables_in_another_order_are_one_chain():
    ops = WideChain().ops
    turned = WideChain(ops=dict(reversed(ops.items())))
    assert turned == WideChain()
    assert turned.model_dump_json() == WideChain().model_dump_json()


# --- the groups ----------------------------------------------------------------------------------

ADDED = {  # by the table of a group
    "geometry": set(),
    "tone": {"posterize", "equalize", "autocontrast"},
    "colour": {"hue"},
    "detail": {"sharpness", "gaussian_blur", "gaussian_noise", "jpeg"},
    "occlusion": set(),
}
FINGERPRINTS = {  # of recipes by their chain, as computed before chains had groups
    "{}": "239faceb9b32c8ff5e4f54cc7f02f3b35becb0fc95973c107fc1adef7a593a0a",
    '{"ops": {"jpeg": {"probability": 0.2, "magnitude": 0.5}}}': (
        "6ce7b5b63f716bad67fedfb438b33d756ff64ad80c0bcf44b4fa6e72da7c1c84"
    ),
}


def test_every_op_is_in_one_group_and_groups_keep_the_order_of_the_chain():
    assert tuple(dict.fromkeys(each.group for each in OPS.values())) == GROUPS
    assert set(GROUPS) == set(ADDED)
    assert {op(name).group for name in ("cutout", "grid_mask")} == {"occlusion"}


@pytest.mark.parametrize("group", GROUPS)
def test_the_table_of_a_group_adds_its_ops_to_the_defaults(group):
    ops = WideChain(**{group: WideGroup()}).ops
    assert set(ops) == FAMILIES | ADDED[group]
    assert list(ops) == [name for name in OPS if name in ops]
    assert {name: ops[name] for name in FAMILIES} == WideChain().ops
    assert all(ops[name].probability <= 0.2 for name in ADDED[group])
    assert all(OPS[name].group == group for name in ADDED[group])


def test_what_detail_and_hue_reach_is_moderate():
    ops = WideChain(detail=WideGroup(), colour=WideGroup()).ops
    reach = {name: abs(OPS[name].full) * ops[name].magnitude for name in ops}
    assert 0.05 <= reach["gaussian_noise"] <= 0.1  # of the range
    assert reach["jpeg"] <= 50  # below quality 100
    assert reach["gaussian_blur"] <= 1  # pixel
    assert 18 <= reach["hue"] <= 36  # degrees


def test_ops_that_are_named_are_all_that_there_are():
    chain = one("gaussian_blur", 0.5, 0.5, detail=WideGroup(), tone=WideGroup())
    assert list(chain.ops) == ["gaussian_blur"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_groups_factors_are_on_top_of_the_chains_and_touch_no_other_group(group):
    plain = WideChain(rate=0.5, strength=0.6, **{group: WideGroup()})
    scaled = WideChain(rate=0.5, strength=0.6, **{group: WideGroup(rate=1.5, strength=0.5)})
    for (each, chance, most), (same, more, less) in zip(
        plain.scaled_ops, scaled.scaled_ops, strict=True
    ):
        assert each is same
        inside = each.group == group
        assert more == pytest.approx(1.5 * chance if inside else chance)
        assert less == pytest.approx(0.5 * most if inside else most)


def test_a_groups_factors_are_capped_at_one_and_zero_turns_the_group_off():
    loud = WideChain(detail=WideGroup(rate=10, strength=10))
    assert {(p, m) for each, p, m in loud.scaled_ops if each.group == "detail"} == {(1.0, 1.0)}
    quiet = happened(WideChain(rate=10, detail=WideGroup(rate=0)), 100)
    groups = np.array([OPS[name].group for name in WideChain(detail=WideGroup()).ops])
    assert not quiet[:, groups == "detail"].any()
    assert quiet[:, groups != "detail"].all()


@pytest.mark.parametrize(("wide", "stored"), FINGERPRINTS.items())
def test_a_chain_without_groups_has_the_fingerprint_that_studies_have_stored(wide, stored):
    table = {"model": {"backbone": "MobileNet"}, "augment": {"wide": json.loads(wide)}}
    recipe = Recipe.model_validate(table)
    assert recipe.fingerprint == stored
    with_group = Recipe.model_validate(
        {**table, "augment": {"wide": {**json.loads(wide), "detail": {}}}}
    )
    assert with_group.fingerprint != stored
    assert hash(with_group.augment.wide) != hash(recipe.augment.wide)


def test_a_chain_with_groups_comes_back_as_it_is_stored():
    chain = WideChain(detail=WideGroup(rate=0.5), tone=WideGroup())
    assert WideChain.model_validate(chain.model_dump(mode="json")) == chain
    assert set(chain.model_dump()) == {
        *("probability", "rate", "strength", "ops"),
        *("detail", "tone"),
    }
