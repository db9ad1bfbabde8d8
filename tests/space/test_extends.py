"""A space that extends another: what it takes over, what it changes, what it may not."""

import tomllib

import pytest

from bcauto.io.toml import parse
from bcauto.recipe.recipe import find_recipe, read_recipe
from bcauto.space.files import find_space, read_space, space_text, starts_left_out
from bcauto.space.space import Space, given_recipe

BASE = """
[recipe.model]
backbone = "MobileNet"

[recipe.training]
epochs = 6

[search]
"model.backbone" = ["MobileNet", "MobileNetV2"]
"model.alpha@one" = { values = [0.25, 0.75], when = { "model.backbone" = "MobileNet" } }
"model.alpha@two" = { values = [0.35, 0.5], when = { "model.backbone" = ["MobileNetV2"] } }
"model.dropout" = { low = 0.1, high = 0.5 }
"training.batch_size@wide" = { values = [16, 32], when = { "model.alpha@one" = 0.75 } }

[proxy]
copies = 5

[[start]]
"model.backbone" = "MobileNet"
"model.alpha@one" = 0.75

[[start]]
"model.backbone" = "MobileNetV2"
"model.dropout" = 0.4
"""


@pytest.fixture
def extended(tmp_path):
    """Reads a space that extends the base above by these lines."""
    (tmp_path / "base.toml").write_text(BASE)

    def read(lines):
        path = tmp_path / "mine.toml"
        path.write_text(f'extends = "base.toml"\n{lines}')
        return read_space(path)

    return read


def base():
    return parse(Space, tomllib.loads(BASE))


def test_without_changes_it_is_the_same(extended):
    assert extended("") == base()
    assert extended("").fingerprint == base().fingerprint


def test_a_dimension_changes_as_a_whole_and_keeps_its_place(extended):
    found = extended('[search]\n"model.dropout" = [0.2, 0.3]\n"training.epochs" = [2, 3]\n')
    assert list(found.search) == [*base().search, "training.epochs"]
    assert found.search["model.dropout"].values == (0.2, 0.3)
    assert [found.search[n] for n in base().search if n != "model.dropout"] == [
        base().search[n] for n in base().search if n != "model.dropout"
    ]


def test_a_changed_dimension_keeps_its_condition_unless_it_brings_one(extended):
    alpha = '"model.alpha@one" = [0.5, 0.75]'
    narrower = extended(f'[search]\n{alpha}\n"training.batch_size@wide" = [8, 64]\n')
    for name in ("model.alpha@one", "training.batch_size@wide"):
        assert narrower.search[name].when == base().search[name].when
    line = '"model.alpha@one" = { values = [0.75], when = { "model.backbone" = ["MobileNet"] } }'
    assert extended(f"[search]\n{line}\n").search["model.alpha@one"].when == {
        "model.backbone": ["MobileNet"]
    }
    freed = extended('[search]\n"training.batch_size@wide" = { values = [8], when = {} }\n')
    assert freed.search["training.batch_size@wide"].when == {}


def test_a_dimension_without_a_condition_takes_the_place_of_all_of_its_key(extended):
    found = extended('[search]\n"training.batch_size" = [8, 64]\n')
    assert "training.batch_size@wide" not in found.search
    assert found.search["training.batch_size"].when == {}
    assert {recipe.training.batch_size for recipe in found.edge_recipes} == {8, 64}


def test_a_constant_takes_the_place_of_a_dimension_and_settles_its_conditions(extended):
    found = extended('[recipe.model]\nbackbone = "MobileNet"\n')
    assert list(found.search) == ["model.alpha@one", "model.dropout", "training.batch_size@wide"]
    assert found.search["model.alpha@one"].when == {}
    assert found.search["training.batch_size@wide"].when == {"model.alpha@one": 0.75}
    assert found.start == ({"model.alpha@one": 0.75},)

    other = extended('[recipe.model]\nbackbone = "MobileNetV2"\nalpha = 0.5\n')
    assert list(other.search) == ["model.dropout"]
    assert other.start == ({"model.dropout": 0.4},)


def test_a_constant_that_no_condition_asks_for_takes_what_hangs_on_it_away(extended):
    found = extended("[recipe.model]\nalpha = 0.5\n[search]\n")
    assert "training.batch_size@wide" not in found.search
    assert "model.backbone" in found.search


def test_starting_points_that_can_no_longer_be_sampled_go(extended):
    found = extended('[search]\n"model.dropout" = { low = 0.1, high = 0.3 }\n')
    assert found.start == (base().start[0],)
    own = extended('[[start]]\n"model.dropout" = 0.2\n')
    assert own.start == ({"model.dropout": 0.2},)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", []),
        (
            '[search]\n"model.dropout" = { low = 0.1, high = 0.3 }\n',
            ["start 2: model.dropout must be a number from 0.1 to 0.3; got 0.4"],
        ),
        (
            '[recipe.model]\nbackbone = "MobileNetV2"\n',
            ["start 1: model.backbone is 'MobileNet' there, and the constant 'MobileNetV2' here"],
        ),
        (
            "[recipe.model]\nbackbone = 'MobileNet'\nalpha = 0.75\n",
            [
                "start 1: none of its dimensions is searched here",
                "start 2: model.backbone is 'MobileNetV2' there, and the constant 'MobileNet' here",
            ],
        ),
        ('[[start]]\n"model.dropout" = 0.2\n', []),
    ],
)
def test_what_becomes_of_starting_points_is_said(extended, tmp_path, lines, said):
    found = extended(lines)
    assert starts_left_out(tmp_path / "mine.toml") == said
    assert "start" in lines or len(found.start) == 2 - len(said)


def test_what_is_left_out_is_said_all_down_a_chain(extended, tmp_path):
    extended('[search]\n"model.dropout" = { low = 0.1, high = 0.3 }\n')
    top = tmp_path / "top.toml"
    top.write_text('extends = "mine.toml"\n[recipe.model]\nbackbone = "MobileNetV2"\n')
    assert [line.partition(" ")[0] for line in starts_left_out(top)] == ["start", "start"]
    assert read_space(top).start == ()


SHARES = """
"training.epochs" = [2, 3]
"training.head_epochs" = [1, 2]
"model.image_side" = [0, 64]
"augment.cutmix.probability" = { low = 0.0, high = 0.5 }
"""
PLAIN = """
[[start]]
[start.recipe.model]
backbone = "MobileNetV2"
frozen_layers = 9
[start.recipe.training]
epochs = 6
"""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            '[recipe.model]\nbackbone = "VGG16"\nalpha = 1.0\n',
            [
                "start 2: model.backbone is 'MobileNetV2' there, and the constant 'VGG16' here",
            ],
        ),
        (
            "[recipe.training]\nepochs = 6\n",
            [
                "start 1: deepl: training.epochs is said by the stages there, "
                "and the constant 6 here",
            ],
        ),
        (
            "[recipe.model]\nimage_side = 64\n",
            [
                "start 1: deepl: model.image_side is 0 there, and the constant 64 here",
                "start 2: model.image_side is 0 there, and the constant 64 here",
            ],
        ),
        ("[recipe.augment.cutmix]\nprobability = 0.0\n", []),
        ("[recipe.model]\nl2 = 0.1\n", []),
    ],
    ids=["backbone", "said by stages", "both", "a policy that is off", "what the base says not"],
)
def test_whole_recipes_that_contradict_a_constant_are_left_out(tmp_path, lines, said):
    points = BASE[: BASE.index("[proxy]")]
    (tmp_path / "base.toml").write_text(f'{points}{SHARES}[[start]]\nrecipe = "deepl"\n{PLAIN}')
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "base.toml"\n{lines}')
    assert starts_left_out(path) == said
    assert len(read_space(path).start) == 2 - len(said)


@pytest.mark.parametrize(("share", "left"), [(0.5, 0), (None, 1)])
def test_stages_and_what_they_replace_contradict_whole_recipes(tmp_path, share, left):
    points = BASE[: BASE.index("[proxy]")]
    more = '"model.trainable_fraction" = { low = 0.1, high = 1.0 }\n'
    (tmp_path / "base.toml").write_text(f"{points}{more}{PLAIN}")
    path = tmp_path / "mine.toml"
    constant = f"[recipe.model]\ntrainable_fraction = {share}\n" if share else ""
    path.write_text(f'extends = "base.toml"\n{constant}')
    assert len(read_space(path).start) == left
    said = "start 1: model.trainable_fraction is not set there, and the constant 0.5 here"
    assert starts_left_out(path) == ([said] if share else [])
    path.write_text('extends = "base.toml"\n[[recipe.training.stages]]\nepochs = 2\n')
    assert [line.partition(" there")[0] for line in starts_left_out(path)] == [
        "start 1: training.stages is []"
    ]


def test_of_the_full_space_with_one_backbone_no_other_starting_point_is_left(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "full"\n[recipe.model]\nbackbone = "ConvNeXtTiny"\n')
    assert len(starts_left_out(path)) == 8
    assert read_space(path).start == ()
    path.write_text('extends = "full"\n[recipe.model]\nbackbone = "ConvNeXtXLarge"\n')
    assert read_space(path).start == ({"recipe": "harry_potter_convnext"},)


def test_stages_take_the_place_of_what_is_searched_and_said(tmp_path):
    more = '"training.head_epochs" = [1, 2]\n"model.trainable_fraction" = { low = 0.1, high = 1.0 }'
    (tmp_path / "base.toml").write_text(BASE.replace("[proxy]", f"{more}\n[proxy]"))
    path = tmp_path / "mine.toml"
    stage = "[[recipe.training.stages]]\nepochs = 2\n"
    path.write_text(f'extends = "base.toml"\n{stage}frozen_layers = 3\n')
    found = read_space(path)
    assert list(found.search) == list(base().search)
    assert "epochs" not in found.recipe["training"]
    assert found.start == base().start

    path.write_text(f'extends = "base.toml"\n{stage}')
    assert "model.trainable_fraction" in read_space(path).search


def test_other_tables_change_key_by_key(extended):
    found = extended(
        "[recipe.training]\nbatch_size = 8\n[proxy]\nseverities = [3]\n[confirm]\ntop = 1\n"
    )
    assert found.recipe["training"] == {"epochs": 6, "batch_size": 8}
    assert (found.proxy.copies, found.proxy.severities) == (5, (3,))
    assert (found.confirm.top, found.confirm.repeats) == (1, 2)


def test_a_space_that_ships_is_extended_by_name(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "quick"\n[recipe.training]\nepochs = 3\n')
    assert read_space(path).search == read_space(find_space("quick")).search


def test_a_chain_of_extensions(extended, tmp_path):
    extended("[recipe.training]\nepochs = 4\n")
    top = tmp_path / "top.toml"
    top.write_text('extends = "mine.toml"\n[recipe.training]\nbatch_size = 4\n')
    assert read_space(top).recipe["training"] == {"epochs": 4, "batch_size": 4}


def test_the_text_that_is_kept_needs_no_other_file(extended, tmp_path):
    found = extended('[recipe.model]\nbackbone = "MobileNet"\n')
    alone = tmp_path / "elsewhere" / "space.toml"
    alone.parent.mkdir()
    alone.write_text(space_text(tmp_path / "mine.toml"))
    assert read_space(alone) == found
    assert space_text(tmp_path / "base.toml") == BASE


RECIPE = '[model]\nbackbone = "VGG16"\nhead_units = [9]\n[augment.wide.ops]\n'
RECIPE += "rotate = {probability = 0.5, magnitude = 1}\nequalize = {probability = 0.1}\n"


@pytest.fixture
def with_recipes(tmp_path, monkeypatch):
    """A space in one folder that extends one below it, each with a recipe ``r.toml`` beside it."""
    space = '[recipe.model]\nbackbone = "SmallCNN"\n[[start]]\nrecipe = "r.toml"\n'
    for folder, width in (("", 9), ("deep", 8)):
        (tmp_path / "spaces" / folder).mkdir(parents=True, exist_ok=True)
        recipe = RECIPE.replace("[9]", f"[{width}]")
        (tmp_path / "spaces" / folder / "r.toml").write_text(recipe)
        (tmp_path / "spaces" / folder / "mine.toml").write_text(space)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "spaces"


def given_head(space):
    return [given_recipe(start).model.head_units for start in space.start]


def test_a_recipe_file_is_looked_for_from_the_folder_of_the_space(with_recipes):
    space = read_space(with_recipes / "mine.toml")
    assert given_head(space) == [(9,)]
    assert given_recipe(space.start[0]) == read_recipe(with_recipes / "r.toml")
    assert space.edge_recipes[-1].model.backbone == "VGG16"


def test_along_a_chain_each_file_is_looked_for_from_its_own_space(with_recipes):
    top = with_recipes / "top.toml"
    top.write_text('extends = "deep/mine.toml"\n')
    assert given_head(read_space(top)) == [(8,)]
    top.write_text('extends = "deep/mine.toml"\n[[start]]\nrecipe = "deep/r.toml"\n')
    assert given_head(read_space(top)) == [(8,)]
    (with_recipes / "over.toml").write_text('extends = "top.toml"\n[[start]]\nrecipe = "r.toml"\n')
    assert given_head(read_space(with_recipes / "over.toml")) == [(9,)]
    top.write_text('extends = "deep/mine.toml"\n[recipe.model]\nbackbone = "UNet"\n')
    said = "start 1: model.backbone is 'VGG16' there, and the constant 'UNet' here"
    assert starts_left_out(top) == [said]


@pytest.mark.parametrize("head", ["", 'extends = "quick"\n'])
def test_the_text_that_is_kept_has_the_recipes_in_it(with_recipes, head):
    path = with_recipes / "both.toml"
    starts = '[[start]]\nrecipe = "r.toml"\n[[start]]\nrecipe = "deepl"\n'
    model = "" if head else '[recipe.model]\nbackbone = "SmallCNN"\n'
    path.write_text(head + model + starts)
    recipes = [read_recipe(with_recipes / "r.toml"), read_recipe(find_recipe("deepl"))]
    kept = with_recipes.parent / "elsewhere" / "space.toml"
    kept.write_text(space_text(path))
    fingerprint = read_space(path).fingerprint
    for file in (path, with_recipes / "r.toml"):
        file.unlink()
    again = read_space(kept)
    assert [given_recipe(start) for start in again.start] == recipes
    assert again.fingerprint == fingerprint
    assert space_text(kept) == kept.read_text()
    assert not any(isinstance(start["recipe"], str) for start in again.start)


def test_what_ships_is_kept_whole_and_reads_back(tmp_path):
    space = read_space(find_space("full"))
    kept = tmp_path / "space.toml"
    kept.write_text(space_text(find_space("full")))
    again = read_space(kept)
    assert again.fingerprint == space.fingerprint
    assert list(map(given_recipe, again.start)) == list(map(given_recipe, space.start))


@pytest.mark.parametrize("head", ["", 'extends = "base.toml"\n'])
@pytest.mark.parametrize(
    ("start", "said"),
    [
        ('recipe = "no.toml"', "mine.toml: start 1: .*no.toml: cannot be read"),
        ('recipe = "bad.toml"', "mine.toml: start 1: .*bad.toml: unknown key 'modl'"),
        ('recipe = "../base.toml"', "start 1: must be a name or a .toml file of the same folder"),
        ('recipe = "r\\u0000.toml"', "mine.toml: start 1: .*not valid TOML"),
        ("recipe = { modl = 3 }", "mine.toml: start 1: recipe: unknown key 'modl'; did you mean"),
        ("recipe = {}", "mine.toml: start 1: recipe: model is missing"),
        (
            'recipe = { model = { backbone = "VGG16", alpha = 0.5 } }',
            "mine.toml: start 1: recipe: model: alpha of VGG16 must be 1.0, got 0.5",
        ),
        ("recipe = 3", "start 1: recipe must be a name or a .toml file, got 3; or a table that"),
        ('recipe = "r.toml"\nx = 1', "mine.toml: start 1: a recipe must stand alone, got 'x'"),
    ],
)
def test_whole_recipes_are_checked(tmp_path, refused, head, start, said):
    (tmp_path / "r.toml").write_text(RECIPE)
    (tmp_path / "bad.toml").write_text("[modl]\n")
    (tmp_path / "base.toml").write_text(BASE)
    model = "" if head else '[recipe.model]\nbackbone = "SmallCNN"\n'
    (tmp_path / "mine.toml").write_text(f"{head}{model}[[start]]\n{start}\n")
    with refused(said):
        read_space(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ('[[start]]\nrecipe = "no.toml"\n', "base.toml: start 1: .*no.toml: cannot be read"),
        ('[[start]]\nrecipe = "deepll"\n', "base.toml: start 1: unknown recipe 'deepll'"),
        ("[start]\n", "base.toml: start must be a list"),
        ("start = [1]\n", "base.toml: start.0 must be a table, got 1"),
    ],
)
def test_whole_recipes_of_what_is_extended_are_checked(tmp_path, refused, start, said):
    model = '[recipe]\nmodel = { backbone = "SmallCNN" }\n'
    text = model + start if start.startswith("[") else start + model
    (tmp_path / "base.toml").write_text(text)
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\n')
    with refused(said):
        read_space(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[search]\n'model.dropout' = 3\n", "mine.toml: search.model.dropout must be a list"),
        ("[recipe.training]\nepoch = 3\n", "did you mean 'epochs'"),
        ("[proxy]\ncopies = 900\n", "mine.toml: proxy: copies must be 1 to"),
        ("recipe = 3\n", "mine.toml: recipe must be a table, got 3"),
        ("[[start]]\n'model.dropout' = 0.9\n", "start 1: model.dropout must be a number from"),
    ],
)
def test_what_it_changes_is_checked(extended, refused, lines, said):
    with refused(said):
        extended(lines)


def test_what_it_extends_must_be_there_and_right(tmp_path, refused):
    path = tmp_path / "mine.toml"
    for extends, said in [
        ('"quik"', "mine.toml: extends: unknown space 'quik'; did you mean 'quick'"),
        ('"none.toml"', "none.toml: cannot be read"),
        ("3", "mine.toml: extends must be a name or a .toml file, got 3"),
        ('"mine.toml"', "mine.toml: extends must not lead back to the file itself"),
        ('"bad.toml"', "bad.toml: unknown key 'serch'"),
    ]:
        (tmp_path / "bad.toml").write_text('[recipe.model]\nbackbone = "SmallCNN"\n[serch]\n')
        path.write_text(f"extends = {extends}\n")
        with refused(said):
            read_space(path)


@pytest.mark.parametrize("name", ["../base.toml", "/etc/base.toml", "deep/../../base.toml"])
def test_what_it_extends_lies_in_its_folder(tmp_path, refused, name):
    (tmp_path / "base.toml").write_text(BASE)
    path = tmp_path / "inside" / "mine.toml"
    path.parent.mkdir()
    path.write_text(f'extends = "{name}"\n')
    with refused(f"extends: must be a name or a .toml file of the same folder, got '{name}'$"):
        read_space(path)


def test_what_it_extends_may_lie_deeper(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "base.toml").write_text(BASE)
    (tmp_path / "mine.toml").write_text('extends = "deep/base.toml"\n')
    assert read_space(tmp_path / "mine.toml") == base()


@pytest.mark.parametrize("name", ["a\\u0000.toml", "loop.toml", f"{'n' * 5000}.toml"])
def test_names_that_no_file_can_have_are_refused(tmp_path, refused, name):
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (tmp_path / "mine.toml").write_text(f'extends = "{name}"\n')
    with refused("cannot be read"):
        read_space(tmp_path / "mine.toml")
