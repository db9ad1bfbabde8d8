"""A space that extends another: what it takes over, what it changes, what it may not."""

import tomllib

import pytest

from bcauto.space import Space, find_space, read_space, space_text, starts_left_out
from bcauto.toml import parse

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


def test_starting_points_that_can_no_longer_be_drawn_go(extended):
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
                "start 1: nothing of it is left to draw",
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
