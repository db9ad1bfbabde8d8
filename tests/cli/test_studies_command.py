"""``bcauto studies`` and ``bcauto clean``, from a user's chair."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from unittest.mock import ANY

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.trial import TrialState, create_trial

from bcauto.recipe.network import Network
from bcauto.recipe.recipe import Recipe
from bcauto.study.artifacts import Artifacts
from bcauto.study.folder import StudyFolder
from bcauto.study.lock import locked
from bcauto.study.settings import DataRecord, Identity, Settings, StudyRecord

SPACE = """
[recipe.model]
backbone = "SmallCNN"
[search]
"model.dropout" = { low = 0.1, high = 0.5 }
[confirm]
top = 1
repeats = 2
"""
RECIPE = Recipe(model=Network(backbone="SmallCNN"))
SCORED = {
    "recipe": RECIPE.model_dump(mode="json"),
    "clean_accuracy": 0.9,
    "scores": {
        "standard_error": 0.01,
        "interval": [0.4, 0.6],
        "cells": {},
        "families": {},
        "held_out": {},
        "clean": {},
    },
    "run": {"parameters": 10, "seconds": 60.0},
}


def record(**settings):
    stored = settings.get("storage", "study.db")
    identity = Identity(data="d", space="e", proxy="f", seed=0, weights="none", storage=stored)
    data = DataRecord(
        fingerprint="d", class_names=("a", "b"), train=9, val=1, image_size=(32, 32), cleaning={}
    )
    return StudyRecord(
        settings=Settings(space="mine", **settings), identity=identity, data=data, versions={}
    )


def begin(folder, written, **settings):
    """A study's folder and files, with nothing in its storage yet."""
    folder.models.mkdir(parents=True)
    folder.space.write_text(SPACE)
    record(**settings).write(folder)
    os.utime(folder.record, (written, written))


def fill(folder, name, values, repeats_of=None):
    """Complete trials of a study in its storage, with a model each."""
    study = optuna.create_study(
        study_name=name, storage=folder.default_storage, direction="maximize"
    )
    for number, value in enumerate(values):
        told = {} if repeats_of is None else {"of_trial": repeats_of}
        params = {} if repeats_of is None else {"trial": repeats_of, "repeat": number + 1}
        distributions = {name: IntDistribution(0, 9) for name in params}
        study.add_trial(
            create_trial(
                value=value,
                user_attrs={**SCORED, **told},
                params=params,
                distributions=distributions,
            )
        )
        path = folder.model(number) if repeats_of is None else folder.confirm_model(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
    return study


@pytest.fixture
def cells(tmp_path):
    """A finished study: trial 1 won the search, and was confirmed with a mean of 0.5625."""
    folder = StudyFolder(tmp_path / "studies" / "cells")
    begin(folder, 1000, trials=4, keep=2)
    study = fill(folder, folder.name, (0.4, 0.6, 0.5))
    study.add_trial(create_trial(state=TrialState.PRUNED))
    study.add_trial(create_trial(state=TrialState.FAIL))
    fill(folder, folder.confirm_name, (0.5, 0.625), repeats_of=1)
    os.utime(folder.path / "study.db", (2000, 2000))
    return folder


def rows(command):
    ran = command("studies", "--json")
    assert (ran.code, ran.err) == (0, "")
    return {row["study"]: row for row in json.loads(ran.out)["studies"]}


# --- studies -----------------------------------------------------------------------------------


def test_a_row_says_size_state_trials_and_the_confirmed_score(cells, command):
    row = rows(command)["cells"]
    sizes = [file.stat().st_size for file in cells.path.rglob("*") if file.is_file()]
    assert row == {
        "study": "cells",
        "bytes": sum(sizes),
        "written": "1970-01-01T00:33:20+00:00",
        "state": "finished",
        "target": 4,
        "trials": {"complete": 3, "pruned": 1, "failed": 1, "running": 0, "waiting": 0},
        "best": {"number": 1, "objective": 0.6},
        "confirmed": {"number": 1, "score": pytest.approx(0.5625), "interval": [ANY, ANY]},
        "repeats": {"left": 0, "wanted": 2},
        "problem": None,
    }
    head, rule, line = command("studies").out.splitlines()
    assert set(rule) <= {"─", " "}
    assert head.split() == ["study", "size", "written", "state", "trials", "failed", "best"]
    assert "finished" in line
    assert "4 of 4" in line
    assert line.endswith("0.5625 confirmed (trial 1)")


def test_a_study_that_has_not_begun_and_one_that_is_being_searched(cells, command, tmp_path):
    new = StudyFolder(tmp_path / "studies" / "new")
    begin(new, 3000, trials=9)
    fill(new, "new", ())
    with locked(new):
        found = rows(command)
    assert list(found) == ["new", "cells"]
    assert (found["new"]["state"], found["cells"]["state"]) == ("searching", "finished")
    assert rows(command)["new"]["state"] == "interrupted"
    assert rows(command)["new"]["best"] is None
    assert "0 of 9" in command("studies").out


def damage_record(folder):
    folder.record.write_text("[settings]\nspace = x\n")


def damage_space(folder):
    folder.space.write_text("[confirm]\ntop = -1\n")


def damage_database(folder):
    (folder.path / "study.db").write_bytes(b"no database, but of a fair length" * 200)


def damage_trial(folder):
    study = optuna.load_study(study_name=folder.name, storage=folder.default_storage)
    study.add_trial(create_trial(value=0.9, user_attrs={"recipe": {}}))


def lose_database(folder):
    (folder.path / "study.db").unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_record, "not valid TOML"),
        (damage_space, "top must be greater"),
        (damage_database, "file is not a database"),
        (damage_trial, "trial 5 in the storage is damaged"),
        (lose_database, "storage is missing"),
    ],
)
def test_a_damaged_study_is_listed_with_its_reason_beside_the_others(
    damage, reason, cells, command
):
    shutil.copytree(cells.path, cells.path.with_name("bad"))
    bad = StudyFolder(cells.path.with_name("bad"))
    (bad.path / "study.db").unlink()
    fill(bad, "bad", (0.4, 0.6, 0.5, 0.5, 0.5))
    damage(bad)
    found = rows(command)
    assert reason in found["bad"]["problem"]
    assert (found["bad"]["state"], found["bad"]["trials"]) == (None, None)
    assert found["bad"]["bytes"] > 3000
    assert found["cells"]["state"] == "finished"
    lines = command("studies").out.splitlines()
    assert len(lines) == 4  # with a head and a rule
    assert any(line.startswith("bad ") and reason in line for line in lines)


def test_a_server_out_of_reach_is_a_row_without_a_password(cells, command, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    remote = StudyFolder(tmp_path / "studies" / "remote")
    begin(remote, 3000, storage=f"postgresql://me:secret@127.0.0.1:{port}/db")
    said = command("studies")
    assert (said.code, said.err) == (0, "")
    assert "cannot be reached" in said.out
    assert "secret" not in said.out
    assert "finished" in said.out


def test_no_studies(command):
    assert command("studies").out == "no study in studies\n"
    assert rows(command) == {}


def test_both_commands_wait_for_neither_tensorflow_nor_ray(cells, tmp_path):
    code = (
        "import sys\nfrom contextlib import suppress\nfrom bcauto.cli.app import main\n"
        "for name in ('studies', 'clean'):\n"
        "    sys.argv = ['bcauto', name]\n"
        "    with suppress(SystemExit): main()\n"
        "print([name for name in ('tensorflow', 'keras', 'ray') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "cells: deleted" in run.stdout
    assert run.stdout.splitlines()[-1] == "[]"


# --- clean -------------------------------------------------------------------------------------


def test_clean_says_what_it_deletes_and_then_that_there_is_nothing(cells, command):
    (cells.models / "7.checkpoint.npz").write_bytes(b"x" * 500)
    before = {file for file in cells.path.rglob("*") if file.is_file()}
    tried = json.loads(command("clean", "--dry-run", "--json").out)
    assert {file for file in cells.path.rglob("*") if file.is_file()} == before
    done = json.loads(command("clean", "cells", "--json").out)
    assert done == {**tried, "dry_run": False}
    assert done["freed"] == {
        "models": {"files": 1, "bytes": 1000},
        "repeats": {"files": 1, "bytes": 1000},
        "checkpoints": {"files": 1, "bytes": 500},
        "partial": {"files": 0, "bytes": 0},
    }
    assert (done["files"], done["bytes"]) == (3, 2500)
    gone = before - {file for file in cells.path.rglob("*") if file.is_file()}
    assert gone == {cells.model(0), cells.confirm_model(1), cells.models / "7.checkpoint.npz"}
    again = command("clean")
    assert (again.code, again.out) == (0, "cells: nothing to delete\n")


def test_clean_takes_the_artifacts_of_deleted_models_along(cells, command):
    artifacts = Artifacts(optuna.storages.RDBStorage(cells.default_storage), cells)
    models = {f"trial-{number}.keras": cells.model(number) for number in (0, 1)}
    artifacts.replace({**models, "seen.png": b"png"}, re.compile(".*"))
    assert command("clean", "--dry-run").code == 0
    assert {*artifacts.names().values()} == {*models, "seen.png"}
    assert command("clean").code == 0
    assert not cells.model(0).exists()
    assert {*artifacts.names().values()} == {"trial-1.keras", "seen.png"}


def test_clean_in_words(cells, command):
    lines = command("clean", "--keep", "1").out.splitlines()
    assert lines[0] == "cells: deleted"
    assert [line.split() for line in lines[1:] if line[0] not in " ─"] == [
        ["what", "files", "size"],
        ["models", "of", "trials", "2", "2.0", "kB"],
        ["models", "of", "repeats", "1", "1.0", "kB"],
        ["checkpoints", "0", "0", "bytes"],
        ["half-written", "files", "0", "0", "bytes"],
        ["total", "3", "3.0", "kB"],
    ]
    assert cells.model(1).exists()


def test_a_study_that_is_being_searched_is_not_cleaned(cells, command):
    with locked(cells):
        refused = command("clean")
    assert refused.code == 2
    assert f"study 'cells' is being searched by process {os.getpid()} on " in refused.err
    assert refused.err.count("\n") == 1
    assert cells.model(0).exists()


@pytest.mark.parametrize("keep", ["0", "-1", "few"])
def test_a_keep_that_is_none_is_refused(keep, cells, command):
    refused = command("clean", "--keep", keep)
    assert refused.code == 2
    assert "--keep must be a whole number above 0, or all" in refused.err
    assert cells.model(0).exists()


def test_a_storage_with_another_study_of_that_name_is_refused(cells, command, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    other = optuna.create_study(study_name="cells", storage=url)
    identity = record().identity.model_copy(update={"data": "other"})
    other.set_user_attr("identity", identity.model_dump())
    refused = command("clean", "--storage", url)
    assert refused.code == 2
    assert "data (study: other, now: d)" in refused.err
    assert len(list(cells.models.iterdir())) == 3


@pytest.mark.keras
def test_after_a_clean_the_winner_is_exported_and_the_search_goes_on(
    search_once, command, tmp_path
):
    options = ("--executor", "inline", "--trials", "2", "--confirm", "1", "--confirm-repeats", "2")
    folder, _ = search_once(*options)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    freed = json.loads(command("clean", "--keep", "1", "--json").out)["freed"]
    assert (freed["models"]["files"], freed["repeats"]["files"]) == (1, 1)
    assert command("best", "--export").code == 0
    assert rows(command)["tiny-tiny"]["state"] == "finished"
    more = command("search", "--study", "tiny-tiny", "--confirm-repeats", "3")
    assert more.code == 0, more.err
    assert (
        len(json.loads(command("best", "--export", "--json").out)["confirmation"]["repeats"]) == 3
    )
