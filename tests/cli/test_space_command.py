"""``bcauto space``: what a space holds."""

import json
import tomllib

import pytest

from bcauto.recipe import Recipe
from bcauto.space import find_space, read_space
from bcauto.toml import parse


@pytest.mark.parametrize("name", ["quick", "blood_cells_small", "blood_cells"])
def test_every_dimension_is_shown(command, name):
    ran = command("space", name)
    assert (ran.code, ran.err) == (0, "")
    for dimension in read_space(find_space(name)).search:
        assert f" {dimension} " in ran.out
    assert "endless" in ran.out


def test_a_finite_space_has_a_size_and_conditions(command, tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[recipe.model]\nbackbone = "SmallCNN"\n[search]\n"training.optimizer" = ["adam", "lion"]\n'
        '"training.epochs" = { low = 1, high = 5, when = { "training.optimizer" = "lion" } }\n'
    )
    assert "6 points" in command("space", "mine.toml").out
    found = json.loads(command("space", "mine.toml", "--json").out)
    assert found["size"] == 6
    assert found["dimensions"]["training.epochs"]["when"] == {"training.optimizer": "lion"}
    assert found["constants"] == {"model": {"backbone": "SmallCNN"}}


def test_samples_are_recipes_of_the_space_by_the_seed(command):
    first, again, other = (
        json.loads(command("space", "quick", "--sample", 3, "--seed", seed, "--json").out)
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len([parse(Recipe, recipe) for recipe in first]) == 3
    text = command("space", "quick", "--sample", 1, "--seed", 1).out
    assert parse(Recipe, tomllib.loads(text)) == parse(Recipe, first[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("quik",), "unknown space 'quik'; did you mean 'quick'"),
        (("no.toml",), "no.toml: cannot be read"),
        (("quick", "--sample", 0), "--sample must be a whole number from 1 to 10000, got '0'"),
        (("quick", "--sample", 1, "--seed", "x"), "--seed must be a whole number from 0"),
    ],
)
def test_refusals(command, arguments, said):
    ran = command("space", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
