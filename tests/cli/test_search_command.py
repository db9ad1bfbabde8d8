"""``bcauto search`` and what follows it, from a user's chair."""

import json
import os
import shutil
import signal
import tomllib
from pathlib import Path

import optuna
import pytest

from bcauto.recipe.recipe import read_recipe
from bcauto.storage.connect import connect
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked

pytestmark = pytest.mark.keras

ARGUMENTS = ("search", "--data", "tiny.npz", "--space", "tiny.toml", "--executor", "inline")


@pytest.fixture(scope="module")
def searched_once(search_once):
    """A folder in which a search of three trials has run, and what it said."""
    options = ("--executor", "inline", "--trials", "3", "--keep", "2")
    return search_once(*options, own_process=True)


@pytest.fixture
def searched(searched_once, command, tmp_path):
    """The working folder as that search left it, study and all."""
    shutil.copytree(searched_once[0], tmp_path, dirs_exist_ok=True)
    return searched_once[1]


def test_whole_way_from_search_to_evaluation(searched, command, tmp_path, test_npz):
    assert searched.err == ""
    assert "tiny-tiny (new)" in searched.out
    assert "best of the search: trial" in searched.out
    report = "studies/tiny-tiny/report/index.html"
    assert searched.out.splitlines()[-1] == f"report: {report}"
    page = (tmp_path / report).read_text("utf-8")
    assert "Confusion matrix on corrupted pictures" in page  # so the model was looked at

    status = json.loads(command("status", "--json").out)
    assert status["study"] == "tiny-tiny"
    assert status["target"] == 3
    assert status["trials"]["complete"] + status["trials"]["pruned"] == 3
    assert set(status["best"]) == {"number", "objective"}

    best = json.loads(command("best", "--json").out)
    wanted = {"study", "trial", "search", "confirmation", "model", "recipe", "export"}
    assert set(best) >= wanted
    assert best["export"] is None
    assert best["trial"] == status["best"]["number"]

    exported = command("best", "--export")
    assert exported.code == 0, exported.err
    folder = tmp_path / "studies" / "tiny-tiny" / "best"
    assert sorted(file.name for file in folder.iterdir()) == [
        "MODEL_CARD.md",
        "README.md",
        "fingerprints.npz",
        "manifest.json",
        "model.keras",
        "recipe.toml",
    ]
    assert read_recipe(folder / "recipe.toml").model_dump(mode="json") == best["recipe"]

    scores = json.loads(command("evaluate", folder, "--data", test_npz, "--json").out)
    assert scores["n"] == 40
    assert scores["accuracy"] > 0.8
    assert sum(map(sum, scores["confusion_matrix"])) == 40
    import keras

    plain = keras.saving.load_model(folder / "model.keras")
    assert not plain.compiled


def test_same_command_again_trains_nothing(searched, command, tmp_path):
    before = json.loads(command("status", "--json").out)
    again = command(*ARGUMENTS, "--trials", 3)
    assert again.code == 0
    assert "going on: 3 trials are finished" in again.out
    assert json.loads(command("status", "--json").out) == before


def test_study_alone_extends_the_search(searched, command):
    again = command("search", "--study", "tiny-tiny", "--trials", 4)
    assert again.code == 0, again.err
    status = json.loads(command("status", "tiny-tiny", "--json").out)
    assert status["trials"]["complete"] + status["trials"]["pruned"] == 4
    assert status["target"] == 4


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [("--seed", 1, "seed"), ("--weights", "none", "weights"), ("--image-size", 48, "data")],
)
def test_what_differs_is_named(searched, command, option, value, named):
    refused = command("search", "--study", "tiny-tiny", option, value)
    assert refused.code == 2
    assert f"{named} (study: " in refused.err
    assert refused.err.count("\n") == 1


def test_study_of_the_same_name_from_elsewhere_is_refused(searched, command, tmp_path):
    (tmp_path / "studies" / "tiny-tiny" / "study.toml").unlink()
    refused = command(*ARGUMENTS, "--seed", 1)
    assert refused.code == 2
    assert "seed (study: 0, now: 1)" in refused.err


def test_study_can_be_moved(searched, command, tmp_path):
    (tmp_path / "studies").rename(tmp_path / "elsewhere")
    assert command("best", "--export", "--studies-dir", "elsewhere").code == 0
    assert command("search", "--study", "tiny-tiny", "--studies-dir", "elsewhere").code == 0


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (Path.unlink, "the study's storage is missing: "),
        (Path.touch, "study 'tiny-tiny' was begun earlier, but its storage has no such study"),
    ],
    ids=["gone", "empty"],
)
def test_a_study_without_its_trials_does_not_begin_again(searched, command, tmp_path, lose, said):
    database = tmp_path / "studies" / "tiny-tiny" / "study.db"
    database.unlink()
    database.touch()
    lose(database)
    refused = command("search", "--study", "tiny-tiny")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert said in refused.err


def test_what_a_killed_search_left_running_is_told_as_such(searched, command, tmp_path):
    folder = tmp_path / "studies" / "tiny-tiny"
    storage = connect(f"sqlite:///{folder / 'study.db'}")
    optuna.load_study(study_name="tiny-tiny", storage=storage).ask()
    line = "was killed; the same command goes on"
    assert line in command("status").out
    with locked(StudyFolder(folder)):
        assert line not in command("status").out


def test_another_space_is_refused(searched, command, tmp_path):
    tiny_space = tmp_path / "tiny.toml"
    tiny_space.write_text(tiny_space.read_text().replace("epochs = 3", "epochs = 4"))
    refused = command("search", "--study", "tiny-tiny", "--space", tiny_space)
    assert refused.code == 2
    assert "space (study: " in refused.err


def test_study_keeps_what_it_needs_to_be_looked_at_elsewhere(searched, tmp_path):
    folder = tmp_path / "studies" / "tiny-tiny"
    record = tomllib.loads((folder / "study.toml").read_text())
    assert record["identity"].keys() >= {"data", "space", "proxy", "seed"}
    assert record["data"]["class_names"] == ["0", "1"]
    assert record["versions"].keys() >= {"keras", "tensorflow", "optuna", "ray"}
    assert len(list((folder / "models").glob("*.keras"))) == 2
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{folder / 'study.db'}")
    assert [len(t.intermediate_values) for t in study.get_trials()] == [3, 3, 3]


def test_trial_that_is_not_kept_cannot_be_exported(searched, command):
    status = json.loads(command("status", "--json").out)
    kept = status["best"]["number"]
    assert command("best", "--trial", kept, "--export", "--out", "handed").code == 0
    refused = [command("best", "--trial", number, "--export") for number in range(3)]
    lost = [ran for ran in refused if ran.code]
    assert len(lost) == 1
    assert lost[0].code == 2
    assert "no model any more" in lost[0].err


def test_what_cannot_be_loaded_is_refused_before_tensorflow_starts(
    searched, command, monkeypatch, test_npz, tmp_path
):
    monkeypatch.setattr("bcauto.training.device.start_keras", pytest.fail)
    kept = {int(file.stem) for file in (tmp_path / "studies/tiny-tiny/models").iterdir()}
    (lost,) = {0, 1, 2} - kept
    assert command("best", "--trial", lost, "--export").code == 2
    assert command("evaluate", "nothing", "--data", test_npz).code == 2
    (tmp_path / "other.keras").write_bytes(b"no zip")
    assert command("evaluate", "other.keras", "--data", test_npz).code == 2


def test_a_time_that_is_too_short_is_said_and_is_that_of_one_run(command, tiny_npz, tiny_space):
    short = command(*ARGUMENTS, "--trials", 2, "--timeout", "1s")
    assert short.code == 1
    assert "the time of --timeout was up; the same command with more time goes on" in short.err
    assert json.loads(command("status", "--json").out)["trials"]["complete"] == 0
    again = command("search", "--study", "tiny-tiny")
    assert again.code == 0, again.err
    assert json.loads(command("status", "--json").out)["trials"]["complete"] == 2


def test_status_says_why_trials_failed(searched, command, tmp_path):
    storage = connect(f"sqlite:///{tmp_path / 'studies' / 'tiny-tiny' / 'study.db'}")
    study = optuna.load_study(study_name="tiny-tiny", storage=storage)
    for reason in ("a", "b", "b", "c", "d", "e", "f"):
        trial = study.ask()
        trial.set_user_attr("error", reason)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    lines = [line.split(None, 1) for line in command("status").out.splitlines()]
    assert lines[2][0] == "failed"
    said = [lines[2][1].strip(), *(" ".join(line).strip() for line in lines[3:8])]
    assert said == [
        "2 trials: b",
        "1 trial: a",
        "1 trial: c",
        "1 trial: d",
        "1 trial: e",
        "for other reasons as well, which --json lists",
    ]
    failures = json.loads(command("status", "--json").out)["failures"]
    assert failures == {"a": 1, "b": 2, "c": 1, "d": 1, "e": 1, "f": 1}


def test_fault_of_every_trial_is_exit_code_one(command, tiny_npz, tiny_space, monkeypatch):
    from bcauto.training.trainer import Trainer

    def broken(self, job, report):
        raise RuntimeError("nothing works")

    monkeypatch.setattr(Trainer, "run", broken)
    ran = command("search", "--data", tiny_npz, "--space", tiny_space, "--executor", "inline")
    assert ran.code == 1
    assert "10 trials in a row failed: RuntimeError: nothing works" in ran.err
    assert command("best").code == 1


def test_a_search_that_is_interrupted_while_it_is_planned_has_saved_nothing(command, monkeypatch):
    def plan_search(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("bcauto.api.search.plan_search", plan_search)
    ran = command("search")
    assert ran.code == 130
    said = "interrupted by SIGINT; nothing was begun and nothing written"
    assert ran.err == f"bcauto: {said}, the same command begins anew\n"
