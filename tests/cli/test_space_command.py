"""``bcauto space``: what a space holds."""

import json
import tomllib

import pytest

from bcauto.errors import BadInput
from bcauto.io.toml import parse
from bcauto.recipe.recipe import Recipe
from bcauto.space.files import find_space, read_space


@pytest.mark.parametrize("name", ["quick", "small", "full"])
def test_every_dimension_is_shown(command, name):
    ran = command("space", name)
    assert (ran.code, ran.err) == (0, "")
    for dimension in read_space(find_space(name)).search:
        assert f"\n{dimension} " in ran.out
    assert "endless" in ran.out


def test_without_a_name_the_spaces_are_listed(command):
    listed = command("space").out.splitlines()
    assert listed[0].split() == ["space", "dimensions", "recipes", "starting", "points"]
    assert {line.split()[0] for line in listed[2:]} == {"quick", "small", "full"}
    assert json.loads(command("space", "--json").out)["spaces"] == sorted(
        ["quick", "small", "full"]
    )


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
        json.loads(command("space", "quick", "--sample", 3, "--seed", seed, "--json").out)[
            "recipes"
        ]
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
        (("quick", "--sample", 0), "--sample must be greater than or equal to 1, got '0'"),
        (("quick", "--sample", 1, "--seed", "x"), "--seed must be a whole number, got 'x'"),
        (("quick", "--seed", "x"), "--seed must be a whole number, got 'x'"),
        (
            ("quick", "--seed", "-1", "--json"),
            "--seed must be greater than or equal to 0, got '-1'",
        ),
        (("quick", "--seed", ""), "no argument may be empty, got --seed"),
        (
            ("hypermodels/default",),
            "default.toml: recipe.model is missing; a file without it goes with --hypermodel",
        ),
    ],
)
def test_refusals(command, arguments, said):
    ran = command("space", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_one_of_a_kind_is_no_plural(command, tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[recipe.model]\nbackbone = "SmallCNN"\n[search]\n"training.epochs" = [3]\n'
        '[[start]]\n"training.epochs" = 3\n'
    )
    assert (
        "mine.toml: 1 dimension, 1 point, 1 starting point\n" in command("space", "mine.toml").out
    )


def test_starting_points_that_are_left_out_are_said(command, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'extends = "quick"\n[search]\n"model.dropout" = { low = 0.3, high = 0.5 }\n'
    )
    reason = "start 2: model.dropout must be a number from 0.3 to 0.5; got 0.2"
    ran = command("space", "mine.toml")
    assert f"left out of what it extends: {reason}\n" in ran.out
    assert reason in json.loads(command("space", "mine.toml", "--json").out)["left_out"]


def test_what_cannot_be_sampled_is_one_line_with_the_file(command, tmp_path, monkeypatch):
    def sample(*_):
        raise BadInput("no recipe: search.model.alpha: wrong")

    (tmp_path / "mine.toml").write_text('extends = "quick"\n')
    monkeypatch.setattr("bcauto.study.sampling.sample_at_random", sample)
    ran = command("space", "mine.toml", "--sample", 1)
    assert (ran.code, ran.out) == (2, "")
    assert "mine.toml: no recipe: search.model.alpha: wrong" in ran.err
    assert ran.err.count("\n") == 1
