import tomllib
from pathlib import Path

import pytest

from bcauto.augment.ops import GROUPS
from bcauto.augment.wide import WideChain, WideGroup
from bcauto.recipe.pretrained import Weights
from bcauto.space.files import bundled_spaces, find_space, read_space
from bcauto.space.space import Space

ROOT = Path(__file__).parents[2]
NAMES = ["full", "quick", "small"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package folder to look for spaces in and beside."""
    folder = tmp_path / "bcauto"
    folder.mkdir()
    monkeypatch.setattr("bcauto.recipe.bundled_files._PACKAGE", folder)
    return folder


def put(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text('[recipe.model]\nbackbone = "SmallCNN"\n')
    return folder


def test_bundled_spaces_are_found_by_name():
    assert list(bundled_spaces()) == NAMES
    assert find_space("quick") == ROOT / "search_spaces" / "quick.toml"


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_space_can_be_read_and_says_how_to_run_it(name):
    path = find_space(name)
    assert isinstance(read_space(path), Space)
    assert "bcauto search " in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "count"), [("small", 5), ("quick", 3)])
def test_the_small_spaces_start_at_points_of_their_own(name, count):
    starts = read_space(find_space(name)).start
    assert len(starts) == count
    assert not any("recipe" in start for start in starts)


def test_the_full_space_starts_with_a_recipe_of_its_own_and_the_seven_known_systems():
    first, *others = read_space(find_space("full")).start
    assert first["augment.wide.detail.rate"] == 1.0
    starts = [start["recipe"] for start in others]
    teams = ["axon_biotech", "deepl", "gradientgang", "machine_dumbening", "spanish_inquisition"]
    assert sorted(starts) == sorted([*teams, "harry_potter_convnext", "ynwa_efficientnetb2"])


def test_the_full_space_reaches_what_won_and_changes_no_op_but_cutout():
    space = read_space(find_space("full"))
    won = {
        "model.backbone": "ConvNeXtXLarge",
        "model.image_side": 0,
        "model.head_units": [1024, 256],
        "model.pooled_normalization": "layer",
        "training.head_epochs": 15,
        "training.optimizer": "adamw",
        "training.learning_rate@adam": 1e-4,
        "augment.wide.strength": 1.0,
        "augment.wide.ops.cutout.magnitude": 0.6,
    }
    every = {group: WideGroup() for group in GROUPS}
    ops, usual = space.at(won).augment.wide.ops, WideChain(**every).ops
    assert ops["cutout"].magnitude == 0.6
    assert {**ops, "cutout": usual["cutout"]} == usual
    assert ops["cutout"].probability == usual["cutout"].probability


@pytest.mark.parametrize("name", ["small", "full"])
def test_every_group_of_the_wide_chain_is_on_and_detail_can_be_searched_and_turned_off(name):
    space = read_space(find_space(name))
    every = {group: WideGroup() for group in GROUPS}
    first = space.at(space.start[0]).augment.wide
    assert [(op, m) for op, _, m in first.scaled_ops] == [
        (op, m) for op, _, m in WideChain(**every).scaled_ops
    ]
    chances = {op.group: p for op, p, _ in first.scaled_ops}
    assert all(chances.values())
    off = space.at({**space.start[0], "augment.wide.detail.rate": 0.0}).augment.wide
    assert {op.group for op, p, _ in off.scaled_ops if not p} == {"detail"}


def test_the_quick_space_needs_no_weights():
    recipes = read_space(find_space("quick")).edge_recipes
    assert not any(Weights("imagenet").pretrains(recipe.model) for recipe in recipes)


def test_the_small_space_needs_the_weights_that_it_names():
    path = find_space("small")
    files = {r.model.entry.weights_name(r.model.alpha) for r in read_space(path).edge_recipes}
    assert len(files) == 3
    assert all(file in path.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("name", ["mine.toml", "deep/mine.toml", "/somewhere/quick.toml"])
def test_a_path_is_taken_as_it_is(name):
    assert find_space(name) == Path(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("quik", "did you mean 'quick'? "),
        ("Quick", "did you mean 'quick'? "),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(name, hint, refused):
    legal = f"{hint}Legal: full, quick, small; or a path to a .toml"
    with refused(rf"^unknown space '{name}'; {legal.replace('?', '[?]')}$"):
        find_space(name)


def test_spaces_are_found_inside_an_installed_package(package):
    folder = put(package / "search_spaces", "mine.toml", "other.toml")
    assert bundled_spaces() == {n: folder / f"{n}.toml" for n in ("mine", "other")}
    assert read_space(find_space("mine")).search == {}


def test_spaces_are_found_beside_a_package_in_a_clone(package):
    folder = put(package.parent / "search_spaces", "mine.toml")
    assert bundled_spaces() == {"mine": folder / "mine.toml"}


def test_spaces_inside_the_package_come_before_a_folder_that_happens_to_lie_beside_it(package):
    put(package.parent / "search_spaces", "stray.toml")
    inside = put(package / "search_spaces", "mine.toml")
    assert bundled_spaces() == {"mine": inside / "mine.toml"}


def test_only_toml_files_are_spaces(package):
    put(package / "search_spaces", "mine.toml", "README.md", "mine.toml.orig")
    assert list(bundled_spaces()) == ["mine"]


@pytest.mark.usefixtures("package")
def test_without_a_folder_no_name_is_known(refused):
    assert bundled_spaces() == {}
    with refused("^unknown space 'quick'; Legal: none; or a path to a .toml$"):
        find_space("quick")


def test_a_wheel_carries_the_spaces_inside_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["bcauto"]
    assert wheel["force-include"]["search_spaces"] == "bcauto/search_spaces"


def test_a_space_file_that_is_missing_is_refused_by_its_path(tmp_path, refused):
    with refused(r"missing\.toml: cannot be read \(No such file or directory\)$"):
        read_space(find_space(str(tmp_path / "missing.toml")))
