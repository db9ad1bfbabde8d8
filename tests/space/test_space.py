from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcauto.io.toml import parse
from bcauto.recipe.backbones import BACKBONES
from bcauto.recipe.recipe import Recipe, read_recipe
from bcauto.space.files import find_space, read_space
from bcauto.space.space import Space

SHIPPED = ["full", "small", "quick"]
OPTIMIZERS = '"training.optimizer" = ["adam", "lion"]\n'


@pytest.fixture(scope="session")
def bundled():
    return {name: read_space(find_space(name)) for name in SHIPPED}


def at(recipe, name):
    """The recipe's value of the key that a dimension sets."""
    part = recipe
    for word in name.partition("@")[0].split("."):
        part = part[word] if isinstance(part, dict) else getattr(part, word)
    return part


def at_dimension(space, recipe, name):
    """The value of a dimension that a recipe has; a label stands for backbone and width."""
    label = recipe.model.label if name == "model.backbone" else None
    return label if label in space.search[name].edges else at(recipe, name)


def plain(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("name", SHIPPED)
def test_a_thousand_samples_are_legal_and_are_what_was_suggested(name, bundled, random_suggester):
    space, suggest = bundled[name], random_suggester(0)
    for _ in range(1000):
        suggest.sampled.clear()
        recipe = space.sample(suggest)
        assert (recipe.model.frozen_layers or 0) <= BACKBONES[recipe.model.backbone].layers
        assert recipe.model.alpha in BACKBONES[recipe.model.backbone].alphas
        values = {name: at_dimension(space, recipe, name) for name in suggest.sampled}
        assert space.options(values) == suggest.sampled


@pytest.mark.parametrize("name", SHIPPED)
def test_just_the_dimensions_whose_conditions_hold_are_sampled(name, bundled, random_suggester):
    space, suggest = bundled[name], random_suggester(1)
    seen = set()
    for _ in range(200):
        suggest.sampled.clear()
        recipe = space.sample(suggest)
        seen |= suggest.sampled.keys()
        for dimension, entry in space.search.items():
            wanted = {
                p: list(map(plain, w)) if isinstance(w, list) else [w]
                for p, w in entry.when.items()
            }
            holds = [
                p in suggest.sampled and at_dimension(space, recipe, p) in w
                for p, w in wanted.items()
            ]
            assert (dimension in suggest.sampled) == all(holds)
    assert seen == space.search.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_lions_rates_are_sampled_only_with_lion(name, bundled, random_suggester):
    space, suggest = bundled[name], random_suggester(2)
    optimizers = set()
    for _ in range(50):
        suggest.sampled.clear()
        optimizer = space.sample(suggest).training.optimizer
        rates = {n.partition("@")[2] for n in suggest.sampled if "learning_rate" in n}
        assert len(rates) == 1
        assert min(rates).startswith("lion") == (optimizer == "lion")
        optimizers.add(optimizer)
    assert {"adam", "lion"} <= optimizers


@settings(max_examples=40)
@given(st.sampled_from(SHIPPED), st.integers(0, 2**32))
def test_a_sampled_recipe_comes_back_from_toml(
    bundled, random_suggester, tmp_path_factory, name, seed
):
    recipe = bundled[name].sample(random_suggester(seed))
    path = tmp_path_factory.getbasetemp() / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    again = read_recipe(path)
    assert (again, again.fingerprint) == (recipe, recipe.fingerprint)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_starting_point_is_sampled_when_its_options_are_replayed(name, bundled, replay):
    space = bundled[name]
    for seed, point in enumerate(start for start in space.start if "recipe" not in start):
        recipe = space.sample(replay(space.options(point), seed))
        found = {name: at_dimension(space, recipe, name) for name in point}
        assert found == {name: plain(value) for name, value in point.items()}


def test_the_same_options_give_the_same_recipe(bundled, random_suggester, replay):
    space, suggest = bundled["full"], random_suggester(3)
    recipe = space.sample(suggest)
    assert space.sample(replay(suggest.sampled, seed=4)) == recipe


def test_constants_hold_where_nothing_is_searched(space_of, random_suggester):
    recipe = '[recipe]\nmodel = {backbone = "MobileNet", alpha = 0.5, head_units = [64]}\n'
    space = space_of('"model.dropout" = [0.1, 0.2]', recipe)
    sampled = space.sample(random_suggester(0)).model
    assert (sampled.backbone, sampled.alpha, sampled.head_units) == ("MobileNet", 0.5, (64,))
    assert sampled.dropout in (0.1, 0.2)


def test_what_is_searched_takes_the_place_of_a_constant(space_of, random_suggester):
    space = space_of('"model.backbone" = ["VGG16"]\n"augment.augmix.chains" = [2]')
    sampled = space.sample(random_suggester(0))
    assert (sampled.model.backbone, sampled.augment.augmix.chains) == ("VGG16", 2)
    assert space.recipe == {"model": {"backbone": "SmallCNN"}}


def test_a_space_that_searches_nothing_samples_its_constants(space_of, random_suggester):
    space = space_of()
    assert space.sample(random_suggester(0)) == Recipe(model={"backbone": "SmallCNN"})
    assert space.edge_recipes == [Recipe(model={"backbone": "SmallCNN"})]


def test_a_point_is_told_to_a_sampler_with_lists_by_their_labels(bundled):
    point = {"model.head_units": [64], "training.optimizer": "lion", "model.dropout": 0}
    options = bundled["quick"].options(point)
    assert options == {"model.head_units": "[64]", "training.optimizer": "lion", "model.dropout": 0}


def test_edges_reach_every_backbone_with_every_width(space_of):
    widths = {"MobileNet": (0.5, 1.0), "MobileNetV2": (0.5, 1.0)}
    space = space_of(f'"model.backbone" = {list(widths)}\n"model.alpha" = [0.5, 1.0]', "")
    reached = {(r.model.backbone, r.model.alpha) for r in space.edge_recipes}
    assert reached == set(product(widths, (0.5, 1.0)))


def test_a_hypermodels_values_are_tried_one_by_one_since_no_rule_looks_at_two():
    table = {
        "recipe": {"model": {"hypermodel": "mine:build"}},
        "search": {
            "model.values.many": list(range(300)),
            "model.values.other": [1, 2],
            "training.epochs": [3, 4],
            "training.balance": ["none", "oversample"],
        },
    }
    recipes = parse(Space, table).edge_recipes
    assert {r.model.values["many"] for r in recipes} == set(range(300))
    assert len(recipes) < 400
    assert any((r.training.epochs, r.training.balance) == (4, "oversample") for r in recipes)


def test_edges_reach_what_is_sampled_under_any_alternative_of_a_condition(space_of):
    space = space_of(
        """
        "model.backbone" = ["VGG16", "MobileNet", "MobileNetV2"]
        [search."model.alpha"]
        values = [0.5, 1.0]
        when = { "model.backbone" = ["MobileNet", "MobileNetV2"] }
        """,
        "",
    )
    reached = {(r.model.backbone, r.model.alpha) for r in space.edge_recipes}
    assert reached == {("VGG16", 1.0), *product(["MobileNet", "MobileNetV2"], (0.5, 1.0))}


def test_a_condition_may_name_a_list_among_its_alternatives(space_of, random_suggester):
    space = space_of(
        """
        "model.head_units" = [[], [64]]
        "model.dropout" = { values = [0.5], when = {"model.head_units" = [[64]]} }
        """
    )
    sampled = {space.sample(random_suggester(seed)).model for seed in range(20)}
    assert {(model.head_units, model.dropout) for model in sampled} == {((), 0.3), ((64,), 0.5)}


def test_variants_of_a_key_may_exclude_each_other_through_their_parents_conditions(space_of):
    space = space_of(
        """
        "model.backbone" = ["MobileNet", "VGG16"]
        "model.alpha" = { values = [0.5, 1.0], when = {"model.backbone" = "MobileNet"} }
        "training.epochs@narrow" = { values = [4], when = {"model.alpha" = 0.5} }
        "training.epochs@wide" = { values = [2], when = {"model.alpha" = 1.0} }
        "training.epochs@vgg16" = { values = [1], when = {"model.backbone" = "VGG16"} }
        """,
        "",
    )
    models = {(r.model.label, r.training.epochs) for r in space.edge_recipes}
    assert models == {("MobileNet-0.5", 4), ("MobileNet-1.0", 2), ("VGG16", 1)}


def test_the_fingerprint_ignores_starting_points_and_the_order_of_keys(space_of):
    dropout = '"model.dropout" = [0.1, 0.2]\n'
    plain = space_of(OPTIMIZERS + dropout)
    assert space_of(f'{OPTIMIZERS}{dropout}[[start]]\n"model.dropout" = 0.1') != plain
    started = space_of(f'{dropout}{OPTIMIZERS}[[start]]\n"model.dropout" = 0.1')
    assert started.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": {"model": {"backbone": "VGG16"}}},
        {"search": {"model.dropout": [0.1, 0.3]}},
        {"search": {"model.dropout": {"low": 0.1, "high": 0.2}}},
        {"search": {"model.dropout@x": [0.1, 0.2]}},
        {"proxy": {"severities": [3]}},
        {"proxy": {"copies": 7}},
    ],
)
def test_any_other_constant_dimension_or_proxy_is_another_fingerprint(other):
    values = {
        "recipe": {"model": {"backbone": "SmallCNN"}},
        "search": {"model.dropout": [0.1, 0.2]},
    }
    one, two = Space.model_validate(values), Space.model_validate({**values, **other})
    assert one.fingerprint != two.fingerprint


def test_a_space_is_frozen(bundled):
    with pytest.raises(ValueError, match="frozen"):
        bundled["quick"].search = {}


def test_whole_lists_of_stages_and_of_dropout_rates_can_be_searched(space_of, replay):
    space = space_of(
        '"training.stages" = [[], [{epochs = 1, trainable_layers = 0}, {epochs = 2}]]\n'
        '"model.dropout" = [0.3, [0.1]]'
    )
    for stages in space.search["training.stages"].values:
        for dropout in (0.3, (0.1,)):
            point = {"training.stages": stages, "model.dropout": dropout}
            recipe = space.sample(replay(space.options(point)))
            assert [stage.epochs for stage in recipe.training.stages] == [1, 2][: len(stages)]
            assert recipe.model.dropout == dropout
