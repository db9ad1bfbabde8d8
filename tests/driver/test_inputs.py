"""The settings of a search: what was given, over what the study stored, over the defaults."""

from pathlib import Path

import optuna
import pytest

from bcauto.driver.inputs import read_inputs
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord

SPACE = '[recipe.model]\nbackbone = "SmallCNN"\n'


@pytest.fixture
def stored(tmp_path):
    """A study in a folder, which the fixture gives; its data is an empty file beside it."""
    folder = StudyFolder(tmp_path / "studies" / "mine")
    folder.path.mkdir(parents=True)
    folder.space.write_text(SPACE)
    data = DataRecord(
        fingerprint="d", class_names=("a", "b"), train=9, val=1, image_size=(32, 32), cleaning={}
    )
    identity = Identity(data="d", space="e", proxy="f", seed=7, weights="none", storage="study.db")
    (tmp_path / "cells.npz").touch()
    settings = Settings(
        data=str(tmp_path / "cells.npz"),
        space="mine",
        seed=7,
        weights="none",
        trials=30,
        timeout=60.0,
    )
    StudyRecord(settings=settings, identity=identity, data=data, versions={}).write(folder)
    optuna.create_study(study_name="mine", storage=folder.default_storage)
    return folder


def test_a_new_study_has_what_was_given_and_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(SPACE)
    given = {"data": "cells.npz", "space": "own.toml", "trials": 3}
    inputs = read_inputs(given, Path("studies"), None)
    assert inputs.stored is None
    assert inputs.folder.path == tmp_path / "studies" / "cells-own"
    assert inputs.settings == Settings(data=str(tmp_path / "cells.npz"), space="own.toml", trials=3)
    assert inputs.space_file == Path("own.toml")
    assert inputs.url == inputs.folder.default_storage
    assert not Path("studies").exists()


def test_effort_says_what_is_not_given(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(SPACE)
    given = {"data": "cells.npz", "space": "own.toml", "effort": "best"}
    settings = read_inputs(given, Path("studies"), None).settings
    assert (settings.trials, settings.confirm, settings.confirm_repeats) == (200, 5, 3)
    settings = read_inputs({**given, "trials": 7, "confirm": 0}, Path("studies"), None).settings
    assert (settings.trials, settings.confirm, settings.confirm_length) == (7, 0, 3.0)
    with refused("effort must be 'quick', 'good' or 'best', got 'most'"):
        read_inputs({**given, "effort": "most"}, Path("studies"), None)


def test_an_effort_extends_a_study(stored):
    settings = read_inputs({"effort": "good"}, stored.path.parent, "mine").settings
    assert (settings.trials, settings.seed) == (60, 7)


def test_data_and_space_may_have_any_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mein Raum.toml").write_text(SPACE)
    given = {"data": "Zellen (neu).npz", "space": "mein Raum.toml"}
    assert read_inputs(given, Path("studies"), None).folder.name == "Zellen_neu-mein_Raum"


def test_a_study_goes_on_with_what_it_stored_but_for_the_time_of_a_run(stored, tmp_path):
    inputs = read_inputs({"trials": 40}, stored.path.parent, "mine")
    assert inputs.stored.settings.trials == 30
    data = str(tmp_path / "cells.npz")
    kept = Settings(data=data, space="mine", seed=7, weights="none", trials=40)
    assert inputs.settings == kept
    assert inputs.space_file == stored.space


def test_another_space_is_looked_for_by_its_name(stored):
    inputs = read_inputs({"space": "quick"}, stored.path.parent, "mine")
    assert inputs.space_file.name == "quick.toml"


def test_the_url_has_a_password_which_no_setting_has(tmp_path, monkeypatch):
    monkeypatch.setattr("bcauto.driver.inputs.check_storage", lambda _: None)
    url = "postgresql://me:secret@db.example/trials"
    inputs = read_inputs({"space": "quick", "storage": url}, tmp_path, "new")
    assert inputs.url == url
    assert "secret" not in inputs.settings.storage
    assert "secret" not in repr(inputs)


def test_a_storage_that_is_gone_is_refused_before_anything_is_read(stored, refused):
    (stored.path / "study.db").unlink()
    with refused("the study's storage is missing"):
        read_inputs({}, stored.path.parent, "mine")


def test_data_that_was_moved_is_asked_for_at_its_new_place(stored, tmp_path, refused):
    old, new = tmp_path / "cells.npz", tmp_path / "elsewhere.npz"
    old.rename(new)
    line = f"begun with --data {old}, which is no longer there; give --data with its new place"
    with refused(line):
        read_inputs({}, stored.path.parent, "mine")
    moved = read_inputs({"data": str(new)}, stored.path.parent, "mine")
    assert moved.settings.data == str(new)
