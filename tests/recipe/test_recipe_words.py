from __future__ import annotations

from pathlib import Path

import pytest

from bcauto.recipe.network import Hypermodel, Network
from bcauto.recipe.recipe import Recipe, find_recipe, read_recipe
from bcauto.recipe.training import Training
from bcauto.recipe.words import recipe_in_words

BUNDLED = sorted((Path(__file__).parents[2] / "search_spaces" / "recipes").glob("*.toml"))


def words(recipe, weights="imagenet"):
    return " ".join(recipe_in_words(recipe, weights))


def test_stages_are_told_with_what_trains_and_at_what_rate():
    told = words(read_recipe(find_recipe("spanish_inquisition")))
    assert "EfficientNetV2M, from pretrained weights, its pictures resized to 256 px" in told
    assert "8 epochs of the head alone at 0.001, then 8 epochs of the head and 30% of" in told
    assert "16 epochs of the whole network" in told


def test_random_weights_train_whole():
    recipe = Recipe(model=Network(backbone="VGG16"), training=Training(head_epochs=2, epochs=5))
    assert "from random weights" in words(recipe, "none")
    assert "At most 5 epochs of the whole network at 0.0001." in words(recipe, "none")


def test_a_hypermodel_is_told_by_its_values():
    model = Hypermodel(hypermodel="my.nets:Wide", values={"units": 32, "rate": 0.5})
    told = words(Recipe(model=model, training=Training(epochs=7, batch_size=16)), "none")
    assert "`my.nets:Wide` with units = 32, rate = 0.5." in told
    assert "at most 7 epochs in batches of 16" in told


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.stem)
def test_every_bundled_recipe_has_sentences(file):
    for sentence in recipe_in_words(read_recipe(file), "imagenet"):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "None" not in sentence
