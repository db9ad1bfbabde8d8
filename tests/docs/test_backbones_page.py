"""The page on backbones: its table holds what the catalogue and Keras say, its recipe is one."""

from __future__ import annotations

import re
from functools import cache
from importlib import util
from pathlib import Path

import pytest

from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.network import Body, Freezing, Head, Network
from bcauto.recipe.recipe import read_recipe

PAGE = Path(__file__).parents[2] / "docs" / "backbones.md"
QUICK = ["SmallCNN", "UNet", "VGG16", "MobileNet-0.25", "MobileNetV2-1.0", "MobileNetV3Small"]
PUBLISHED = {  # multiply-adds at 224 px, classifier included
    "VGG16": 15.47e9,  # the 0.124e9 of its three dense layers included
    "MobileNet-1.0": 569e6,  # Howard et al. 2017
    "MobileNetV2-1.0": 300e6,  # Sandler et al. 2018
    "MobileNetV2-1.4": 585e6,
    "EfficientNetB0": 0.39e9,  # Tan and Le 2019
    "ResNet50": 3.8e9,  # He et al. 2016
    "ConvNeXtTiny": 4.5e9,  # Liu et al. 2022
}
CLASSIFIERS = {"VGG16": 25088 * 4096 + 4096 * 4096 + 4096 * 1000}


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table(page):
    """The cells of every row by the network's label."""
    rows = [row.strip("| ").split(" | ") for row in page.rpartition("---:|\n")[2].splitlines()]
    return {label: tuple(cells) for label, *cells in rows}


@pytest.fixture(scope="module")
def command():
    """The module that writes the table."""
    from bcauto.training.device import start_keras

    start_keras(1)
    spec = util.spec_from_file_location("backbones_page", PAGE.with_suffix(".py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def networks(command):
    return {network.label: network for network in command.networks()}


@pytest.fixture(scope="module")
def count(command, networks):
    """Counts a network by its label, and at a size in pixels; one network once."""
    return cache(lambda label, *side: command.count(networks[label], *side))


def test_every_backbone_in_every_width_has_a_row_of_what_the_catalogue_says(table):
    labels = [
        Network(backbone=name, alpha=alpha).label
        for name, entry in BACKBONES.items()
        for alpha in entry.alphas
    ]
    assert list(table) == labels
    for label, (_, layers, _, _, pretrained, side) in table.items():
        entry = BACKBONES[label.partition("-")[0]]
        assert (int(layers), int(side)) == (entry.layers, entry.least_side)
        assert (pretrained == "yes") == entry.pretrained


@pytest.mark.keras
@pytest.mark.parametrize("label", QUICK)
def test_a_row_is_what_the_command_counts(label, table, command, count):
    assert command.line(count(label), count(command.UNIT).multiply_adds) == as_line(label, table)


@pytest.mark.keras
@pytest.mark.large
def test_every_row_is_what_the_command_counts(table, command, networks, count):
    unit = count(command.UNIT).multiply_adds
    for label in networks:
        assert command.line(count(label), unit) == as_line(label, table)


def as_line(label, table):
    return f"| {' | '.join([label, *table[label]])} |\n"


@pytest.mark.keras
@pytest.mark.parametrize(("label", "published"), PUBLISHED.items())
def test_multiply_adds_are_the_published_ones(label, published, count):
    row = count(label, 224)
    channels = 1280 if label != "ResNet50" else 2048
    counted = row.multiply_adds + CLASSIFIERS.get(label, channels * 1000)
    assert counted == pytest.approx(published, rel=0.03)


def test_the_recipe_on_the_page_is_one(page, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    recipe = read_recipe(path)
    assert [stage.is_said for stage in recipe.training.stages] == [True] * 3


def test_every_key_of_a_backbone_is_on_the_page(page):
    keys = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    of_the_head = set(Head.model_fields)
    assert keys == set(Network.model_fields) - of_the_head - {"backbone"}
    assert keys > set(Freezing.model_fields) | set(Body.model_fields) - {"backbone"}
