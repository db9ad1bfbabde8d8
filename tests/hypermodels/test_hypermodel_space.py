"""What a space file may say of a hypermodel, once its own space is known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcauto.hypermodels.discover import Discovered
from bcauto.hypermodels.space import hypermodel_space
from bcauto.study.settings import Settings

DATA = SimpleNamespace(image_size=(32, 32), class_names=("a", "b"))
TABLE = {
    "recipe": {"model": {"hypermodel": "mine:build", "input_scale": 255}},
    "search": {
        "model.values.kind": {"values": ["a", "b", "c"]},
        "model.values.cnn%2Eunits": {"low": 4, "high": 8, "when": {"model.values.kind": ["a"]}},
        "model.values.cnn%2Eunits@2": {"low": 1, "high": 3, "when": {"model.values.kind": ["b"]}},
    },
    "start": [{"model.values.kind": "a", "model.values.cnn%2Eunits": 4}],
}
AT_C = {"values": {"kind": "c"}, "reason": "build failed (RuntimeError: no c)"}
AT_8 = {"values": {"kind": "a", "cnn.units": 8}, "reason": "build failed (RuntimeError: no 8)"}

UNITS = "[search]\n'model.values.cnn%2Eunits' ="
AT_A = "when = { 'model.values.kind' = 'a' }"


@pytest.fixture
def space_of(tmp_path, monkeypatch):
    """The space that a file's text makes of the hypermodel above, with faults."""

    def make(text, *faults):
        found = Discovered(TABLE, list(faults))
        monkeypatch.setattr("bcauto.hypermodels.space.discover", lambda *_: found)
        file = tmp_path / "mine.toml"
        file.write_text(text)
        settings = Settings(space=str(file), hypermodel="mine:build", input_scale=255)
        return hypermodel_space(settings, file, DATA)[0]

    return make


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[recipe.model.values]\nkin = 3", "recipe.model.values.kin: no hyperparameter .*'kind'"),
        ("[search]\n'model.values.kin' = [1]", "search.model.values.kin: no hyperparameter"),
        ("[recipe.model.values]\nnope = 3", "mine.toml: .*; Legal: cnn.units, kind$"),
    ],
)
def test_a_hyperparameter_that_is_not_there_is_refused(text, message, space_of, refused):
    with refused(message):
        space_of(text)


def test_hyperparameters_are_fixed_and_replaced_by_their_names(space_of):
    fixed = space_of("[recipe.model.values]\nkind = 'b'\n'cnn.units' = 2")
    assert fixed.search == {}
    assert fixed.recipe["model"]["values"] == {"kind": "b", "cnn.units": 2}
    replaced = space_of(f"{UNITS} {{ values = [5], {AT_A} }}")
    assert replaced.search["model.values.cnn%2Eunits"].values == (5,)


@pytest.mark.parametrize(
    ("text", "fault", "message"),
    [
        ("", AT_C, r"mine:build: with kind = 'c', build failed \(RuntimeError: no c\); fix it"),
        ("[search]\n'model.values.kind' = ['c', 'b', 'a']", AT_C, "with kind = 'c'"),
        ("[recipe.model.values]\nkind = 'c'", AT_C, "with kind = 'c'"),
        ("", AT_8, "with kind = 'a', cnn.units = 8, build failed"),
    ],
)
def test_values_that_cannot_be_built_are_refused_by_name(text, fault, message, space_of, refused):
    with refused(message):
        space_of(text, fault)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[search]\n'model.values.kind' = ['a', 'b']", AT_C),
        ("[recipe.model.values]\nkind = 'a'", AT_C),
        ("[recipe.model.values]\nkind = 'b'", AT_8),
        (f"{UNITS} {{ low = 4, high = 7, {AT_A} }}", AT_8),
    ],
)
def test_values_that_a_file_leaves_out_need_not_be_built(text, fault, space_of):
    assert space_of(text, fault)
