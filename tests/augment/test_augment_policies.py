from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from bcauto.augment import Augment, AugMix, RandAugment


def test_a_table_that_is_there_is_a_policy_that_is_on():
    text = "[augment]\nflip = true\n[augment.randaugment]\nmagnitude = 0.4\n[augment.augmix]\n"
    augment = Augment.model_validate(tomllib.loads(text)["augment"])
    assert augment == Augment(flip=True, randaugment=RandAugment(magnitude=0.4), augmix=AugMix())
    assert not augment.is_off


def test_the_empty_table_is_off():
    assert Augment.model_validate({}).is_off
    assert Augment.model_validate({}) == Augment(flip=False, randaugment=None, augmix=None)


def test_defaults_are_keras_cvs():
    assert RandAugment().model_dump() == {
        "ops": 2,
        "magnitude": 0.5,
        "magnitude_stddev": 0.15,
        "rate": 10 / 11,
    }
    assert AugMix().model_dump() == {
        "severity": 0.3,
        "chains": 3,
        "min_depth": 1,
        "max_depth": 3,
        "alpha": 1.0,
    }


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (RandAugment, {"ops": -1}),
        (RandAugment, {"ops": 2.5}),
        (RandAugment, {"magnitude": 1.01}),
        (RandAugment, {"magnitude": float("nan")}),
        (RandAugment, {"magnitude_stddev": -0.1}),
        (RandAugment, {"rate": 1.1}),
        (RandAugment, {"magnitud": 0.5}),
        (AugMix, {"severity": -0.1}),
        (AugMix, {"chains": 0}),
        (AugMix, {"min_depth": 0}),
        (AugMix, {"min_depth": 4}),
        (AugMix, {"alpha": 0.0}),
        (AugMix, {"alpha": float("inf")}),
        (Augment, {"cutmix": {}}),
        (Augment, {"randaugment": {"ops": 11}}),
    ],
)
def test_values_out_of_range_are_refused(model, values):
    with pytest.raises(ValidationError):
        model.model_validate(values)


def test_policies_are_frozen_and_hashable():
    with pytest.raises(ValidationError):
        RandAugment().ops = 3
    assert hash(Augment(randaugment=RandAugment())) == hash(Augment(randaugment=RandAugment()))


@pytest.mark.parametrize("model", [RandAugment, AugMix, Augment])
def test_every_field_is_described(model):
    assert all(field.description for field in model.model_fields.values())
