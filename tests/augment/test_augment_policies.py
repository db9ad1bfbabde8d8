from __future__ import annotations

import re
import tomllib

import pytest
from pydantic import ValidationError

from bcauto.augment.ops import OPS
from bcauto.augment.policies import Augment, AugMix, Basic, CutMix, MixUp, RandAugment
from bcauto.augment.wide import WideChain, WideOp
from bcauto.io.toml import checked
from bcauto.recipe.recipe import Recipe, read_recipe

POLICIES = [Basic, WideChain, RandAugment, AugMix, MixUp, CutMix]
TABLES = ["basic", "wide", "randaugment", "augmix", "mixup", "cutmix"]


def recipe_of(augment: str) -> Recipe:
    text = f'model.backbone = "MobileNet"\n[augment]\n{augment}'
    return checked(Recipe, tomllib.loads(text), "recipe.toml")


def test_a_table_that_is_there_is_a_policy_that_is_on():
    recipe = recipe_of(
        """
        fill = "constant"
        basic = { flip = true, rotation = 15 }
        randaugment = { probability = 0.5, magnitude = 0.4 }
        augmix = {}
        mixup = { alpha = 0.3 }
        cutmix = { probability = 1 }
        [augment.wide]
        rate = 2
        [augment.wide.ops]
        rotate = { probability = 0.4, magnitude = 0.1 }
        equalize = { probability = 0.1 }
        """
    )
    assert recipe.augment == Augment(
        fill="constant",
        basic=Basic(flip=True, rotation=15),
        wide=WideChain(
            rate=2,
            ops={
                "rotate": WideOp(probability=0.4, magnitude=0.1),
                "equalize": WideOp(probability=0.1),
            },
        ),
        randaugment=RandAugment(probability=0.5, magnitude=0.4),
        augmix=AugMix(),
        mixup=MixUp(alpha=0.3),
        cutmix=CutMix(probability=1),
    )


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_is_a_policy_with_its_defaults(table):
    augment = recipe_of(f"{table} = {{}}").augment
    assert getattr(augment, table) == POLICIES[TABLES.index(table)]()
    assert augment.alters == (table not in ("mixup", "cutmix"))
    assert augment.mixes == (table in ("mixup", "cutmix"))


def test_without_a_table_nothing_is_on():
    augment = recipe_of("").augment
    assert augment == Augment()
    assert not augment.alters
    assert not augment.mixes
    assert [getattr(augment, table) for table in TABLES] == [None] * 6


def test_a_recipe_with_every_policy_comes_back_from_its_file(tmp_path):
    full = recipe_of("\n".join(f"{table} = {{}}" for table in TABLES))
    path = tmp_path / "recipe.toml"
    path.write_text(full.to_toml(), encoding="utf-8")
    assert read_recipe(path) == full
    assert read_recipe(path).fingerprint == full.fingerprint


def test_defaults_are_keras_cvs():
    assert RandAugment().model_dump() == {
        "probability": 1.0,
        "ops": 2,
        "magnitude": 0.5,
        "magnitude_stddev": 0.15,
        "rate": 10 / 11,
    }
    assert AugMix().model_dump() == {
        "probability": 1.0,
        "severity": 0.3,
        "chains": 3,
        "min_depth": 1,
        "max_depth": 3,
        "alpha": 1.0,
    }


def test_basic_is_off_until_it_is_told_what_to_do():
    assert not any((Basic().model_dump() | {"probability": 0}).values())


TOO_LIKELY = "probability must be less than or equal to 1, got 1.01"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((f"{table}.probability = 1.01", f"{table}.{TOO_LIKELY}") for table in TABLES),
        ("basic.probability = -0.1", "basic.probability must be greater than or equal to 0, got -"),
        ("basic.rotation = 181", "basic.rotation must be less than or equal to 180, got 181"),
        ("basic.rotation = -1", "basic.rotation must be greater than or equal to 0, got -1"),
        ("basic.translation = 1.1", "basic.translation must be less than or equal to 1, got 1.1"),
        ("basic.zoom = 1", "basic.zoom must be less than 1, got 1"),
        ("basic.contrast = 1.1", "basic.contrast must be less than or equal to 1, got 1.1"),
        ("basic.brightness = 1.1", "basic.brightness must be less than or equal to 1, got 1.1"),
        ("basic.flip = 'yes'", "basic.flip must be true or false, got 'yes'"),
        ("wide.rate = 10.1", "wide.rate must be less than or equal to 10, got 10.1"),
        ("wide.strength = -1", "wide.strength must be greater than or equal to 0, got -1"),
        ("wide.strength = nan", "wide.strength must be a finite number, got nan"),
        ("wide.ops = 3", "wide.ops must be a table, got 3"),
        ("wide.ops.zoom = 0.3", "wide.ops.zoom must be a table, got 0.3"),
        (
            "wide.ops.zoom = {probability = 1.2, magnitude = 0.1}",
            "wide.ops.zoom.probability must be less than or equal to 1, got 1.2",
        ),
        (
            "wide.ops.zoom = {probability = 0.1, magnitude = 1.2}",
            "wide.ops.zoom.magnitude must be less than or equal to 1, got 1.2",
        ),
        ("wide.ops.zoom = {magnitude = 0.1}", "wide.ops.zoom.probability is missing"),
        ("wide.ops.zoom = {probability = 0.1}", "wide.ops: zoom needs a magnitude of 0 to 1"),
        (
            "wide.ops.equalize = {probability = 0.1, magnitude = 0.2}",
            "wide.ops: equalize has no strength, so it takes a probability only",
        ),
        ("randaugment.ops = 11", "randaugment.ops must be less than or equal to 10, got 11"),
        ("randaugment.ops = -1", "randaugment.ops must be greater than or equal to 0, got -1"),
        ("randaugment.ops = 2.5", "randaugment.ops must be a whole number, got 2.5"),
        ("randaugment.magnitude = 1.5", "randaugment.magnitude must be less than or equal to 1, "),
        (
            "randaugment.magnitude_stddev = -0.1",
            "randaugment.magnitude_stddev must be greater than or equal to 0, got -0.1",
        ),
        ("randaugment.rate = 1.1", "randaugment.rate must be less than or equal to 1, got 1.1"),
        ("augmix.severity = -0.1", "augmix.severity must be greater than or equal to 0, got -0.1"),
        ("augmix.chains = 0", "augmix.chains must be greater than or equal to 1, got 0"),
        ("augmix.min_depth = 0", "augmix.min_depth must be greater than or equal to 1, got 0"),
        ("augmix.min_depth = 4", "augmix: min_depth must not be above max_depth, got 4 and 3"),
        ("augmix.alpha = inf", "augmix.alpha must be a finite number, got inf"),
        ("mixup.alpha = 0", "mixup.alpha must be greater than 0, got 0"),
        ("cutmix.alpha = 101", "cutmix.alpha must be less than or equal to 100, got 101"),
        ("mixup = true", "mixup must be a table, got True"),
        ("fill = 'mirror'", "fill must be 'reflect', 'constant', 'nearest' or 'wrap', got 'mirror"),
        ("engine = 'torch'", "engine must be 'bcauto' or 'keras-cv', got 'torch'"),
    ],
)
def test_a_broken_rule_is_refused_with_key_rule_and_value(text, message, refused):
    with refused(rf"^recipe\.toml: augment\.{re.escape(message)}"):
        recipe_of(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "randaug = {}",
            "'augment.randaug'; did you mean 'randaugment'? "
            "Legal: augmix, basic, cutmix, engine, fill, mixup, randaugment, wide",
        ),
        ("flip = true", "'augment.flip'; Legal: augmix, basic, cutmix, engine, fill, mixup, rand"),
        (
            "basic.rotate = 3",
            "'augment.basic.rotate'; did you mean 'rotation'? Legal: brightness, ",
        ),
        ("wide.probabilty = 1", "'augment.wide.probabilty'; did you mean 'probability'? Legal: co"),
        ("wide.ops.hue.rate = 1", "'augment.wide.ops.hue.rate'; Legal: magnitude, probability"),
        ("augmix.depth = 1", "'augment.augmix.depth'; did you mean 'min_depth'? Legal: alpha, ch"),
        ("mixup.lambda = 1", "'augment.mixup.lambda'; Legal: alpha, probability"),
        ("cutmix.share = 1", "'augment.cutmix.share'; Legal: alpha, probability"),
    ],
)
def test_an_unknown_key_is_refused_with_the_legal_ones(text, message, refused):
    with refused(f"^recipe.toml: unknown key {re.escape(message)}"):
        recipe_of(text)


@pytest.mark.parametrize(
    ("name", "nearest"), [("rotat", "did you mean 'rotate'? "), ("flop", ""), ("identity", "")]
)
def test_an_unknown_op_is_refused_with_all_that_there_are(name, nearest, refused):
    legal = ", ".join(sorted(OPS))
    message = f"augment.wide.ops: unknown op {name!r}; {nearest}Legal: {legal}"
    with refused(f"^recipe.toml: {re.escape(message)}$"):
        recipe_of(f"wide.ops.{name} = {{ probability = 0.1 }}")


@pytest.mark.parametrize("name", OPS)
def test_every_op_takes_a_magnitude_if_it_has_a_strength_and_none_if_not(name):
    assert WideChain(ops={name: takes_what_it_needs(name)}).ops[name].probability == 0.1
    wrong = WideOp(probability=0.1, magnitude=None if OPS[name].has_strength else 0.1)
    with pytest.raises(ValidationError, match=f"{name} (needs a magnitude|has no strength)"):
        WideChain(ops={name: wrong})


def takes_what_it_needs(name):
    return WideOp(probability=0.1, magnitude=0.1 if OPS[name].has_strength else None)


@pytest.mark.parametrize("policy", [each() for each in POLICIES], ids=TABLES)
def test_policies_are_frozen_and_hashable(policy):
    with pytest.raises(ValidationError):
        policy.probability = 0.2
    assert hash(policy) == hash(type(policy)())


def test_the_default_chain_is_no_ones_to_change():
    WideChain().ops.clear()
    assert WideChain().ops


@pytest.mark.parametrize("model", [*POLICIES, Augment])
def test_every_field_is_described(model):
    undescribed = {name for name, field in model.model_fields.items() if not field.description}
    assert not undescribed
