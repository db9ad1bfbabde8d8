"""Studies that the storage holds already and that bcauto did not make."""

from pathlib import Path

import optuna
import pytest

URL = "sqlite:///shared.db"


@pytest.fixture
def search(command, tiny_npz, tiny_space):
    """Checks everything, and ends before a trial begins."""
    return lambda *more: command(
        *("search", "--data", tiny_npz, "--space", tiny_space, "--executor", "inline"),
        *("--timeout", "0.001s", "--study", "cells", *more),
    )


def begun_elsewhere(name="cells", **given):
    study = optuna.create_study(study_name=name, storage=URL, **given)
    return study, Path("shared.db").read_bytes()


def test_what_another_program_made_is_left_as_it_is(search):
    cases = {
        "minimizes": ({"direction": "minimize"}, "it does not maximize one value"),
        "two values": ({"directions": ["maximize", "maximize"]}, "it does not maximize one value"),
        "empty": ({"direction": "maximize"}, "it was not made by bcauto"),
        "confirms": ({"direction": "maximize", "name": "cells.confirm"}, "'cells.confirm' already"),
    }
    for given, said in cases.values():
        Path("shared.db").unlink(missing_ok=True)
        _, before = begun_elsewhere(**given)
        refused = search("--storage", URL)
        assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
        assert said in refused.err
        assert "--study NAME" in refused.err
        assert not Path("studies/cells").exists()
        assert Path("shared.db").read_bytes() == before


def test_a_study_with_trials_and_attributes_of_its_own(search):
    study, _ = begun_elsewhere(direction="maximize")
    study.set_user_attr("identity", {"of": "somebody"})
    study.add_trial(optuna.trial.create_trial(value=0.5))
    before = Path("shared.db").read_bytes()
    assert "it was not made by bcauto" in search("--storage", URL).err
    assert Path("shared.db").read_bytes() == before


def test_its_own_goes_on(search):
    assert "the time of --timeout was up" in search("--storage", URL).err
    assert "the time of --timeout was up" in search("--storage", URL).err


def test_an_empty_study_in_its_own_storage_is_of_a_killed_search(search, tmp_path):
    folder = tmp_path / "studies" / "cells"
    folder.mkdir(parents=True)
    own = f"sqlite:///{folder / 'study.db'}"
    optuna.create_study(study_name="cells", storage=own, direction="maximize")
    assert "the time of --timeout was up" in search().err
