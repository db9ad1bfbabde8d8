import inspect
import re
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from bcauto.cli.options import takes_settings
from bcauto.cli.search import search
from bcauto.study.settings import DataSettings, Settings


def test_settings_that_were_given_reach_the_command_with_paths_as_text():
    found = {}

    @takes_settings(DataSettings)
    def command(recipe: str, out: int = 3, given: dict[str, Any] | None = None) -> None:
        found.update(recipe=recipe, out=out, given=given)

    options = inspect.signature(command).parameters
    assert [*options] == ["recipe", *DataSettings.model_fields, "out"]
    values = dict.fromkeys(DataSettings.model_fields)
    command(recipe="deepl", out=4, **{**values, "data": Path("a.npz"), "seed": 0})
    assert found == {"recipe": "deepl", "out": 4, "given": {"data": "a.npz", "seed": 0}}


def test_every_setting_of_a_search_has_an_option_and_no_default_of_its_own():
    options = inspect.signature(search, eval_str=True).parameters
    others = {"study", "studies_dir"}
    assert options.keys() - others == Settings.model_fields.keys() - {"hypermodel_folder"}
    assert {option.default for name, option in options.items() if name not in others} == {None}


def choices(annotation):
    """The values of the Literal in an annotation, if there is one."""
    if get_origin(annotation) is None:
        return set()
    if not any(get_origin(part) for part in get_args(annotation)):
        return {part for part in get_args(annotation) if not isinstance(part, type)}
    return set().union(*map(choices, get_args(annotation)))


@pytest.mark.parametrize("name", ["executor", "leaks", "sampler", "input_scale"])
def test_choices_are_those_of_the_setting(name):
    option = inspect.signature(search, eval_str=True).parameters[name]
    assert choices(option.annotation) == choices(Settings.model_fields[name].annotation) != set()


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--trials", "(100); x>=1"),
        ("--seed", "(0); x>=0"),
        ("--epoch-timeout", "(2h)"),
        ("--keep", "(5)"),
        ("--workers", "; 1<=x<=10000"),
        ("--confirm-repeats", "; 1<=x<=20"),
        ("--weights", "(imagenet)"),
    ],
)
def test_the_help_has_the_defaults_and_bounds_of_the_settings(command, option, shown):
    text = " ".join(command("search", "--help").out.split())
    (about,) = re.findall(rf" {option} [^\[]*\[(.*?)\]", text)
    assert shown in about
