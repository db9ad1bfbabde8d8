"""Settings as keywords: the same as the command line's, with their text in a function's help."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import bcauto
from bcauto.api.settings import ExportKeywords, SearchSettings, TrainingSettings, given
from bcauto.api.words import in_python
from bcauto.errors import BadInput
from bcauto.export.entry import ExportOptions
from bcauto.study.settings import DataSettings, Settings


def test_keywords_are_the_settings():
    assert {*SearchSettings.__annotations__} == {*Settings.model_fields} - {
        "data",
        "hypermodel_folder",
    }
    assert {*TrainingSettings.__annotations__} == {*DataSettings.model_fields} - {"data"}
    fields = ExportOptions.__dataclass_fields__
    assert {*ExportKeywords.__annotations__} == {*fields} - {"formats"}


def test_help_lists_every_keyword_with_its_default():
    text = inspect.getdoc(bcauto.search)
    for name in SearchSettings.__annotations__:
        assert f"    {name}: " in text
        assert name in inspect.signature(bcauto.search).parameters
    assert "trials: Finished trials to reach in total. Default: 100." in text
    assert "--" not in text
    assert "    seed: Seed of everything random. Default: 0." in inspect.getdoc(bcauto.train)
    assert "trials:" not in inspect.getdoc(bcauto.train)


def test_values_are_plain():
    settings = {"trials": np.int64(3), "space": Path("a.toml"), "seed": None, "keep": "all"}
    assert given(settings) == {"trials": 3, "space": "a.toml", "keep": "all"}
    assert type(given(settings)["trials"]) is int


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("--trials must be 1", "trials= must be 1"),
        ("give --image-size with --study NAME", "give image_size= with study=NAME"),
        ("the same command goes on", "the same call goes on"),
        ("a -- b, --9", "a -- b, --9"),
    ],
)
def test_messages_name_keywords_and_remember_the_options(message, said):
    with pytest.raises(BadInput) as caught, in_python(), in_python():
        raise BadInput(message)
    assert (str(caught.value), caught.value.on_command_line) == (said, message)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trials": 0}, "trials must be greater than or equal to 1, got 0"),
        ({"trialz": 8}, "unknown key 'trialz'; did you mean 'trials'?"),
        ({"timeout": "soon"}, "timeout must be a time such as 2h, 1h30m, 40m or 90s, got 'soon'"),
        ({"keep": 0}, "keep must be a whole number above 0, or all, got '0'"),
        ({"executor": "dask"}, "executor must be 'ray' or 'inline', got 'dask'"),
        ({"labels": "a.csv"}, "labels= goes with data="),
        ({"study": "../x"}, "a study name must be"),
    ],
)
def test_a_setting_that_breaks_a_rule_is_refused(settings, said, refused, tmp_path):
    with refused(said.replace("?", r"\?").replace(".", r"\.")):
        bcauto.search(studies_dir=tmp_path, **settings)
    assert [*tmp_path.iterdir()] == []
