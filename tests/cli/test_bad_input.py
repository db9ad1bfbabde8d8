"""Wrong use: one clear line, exit code 2, nothing written, before any work starts."""

import inspect
import socket
import sys
from importlib.metadata import version

import numpy as np
import optuna
import pytest
from PIL import Image

from bcauto.cli.dashboard import dashboard
from bcauto.driver.plan import plan_search
from bcauto.storage.connect import connect
from bcauto.study.folder import StudyFolder
from bcauto.study.settings import OWN_STORAGE, DataRecord, Identity, Settings, StudyRecord


@pytest.fixture
def refused(command, tmp_path):
    """Runs a command that must be refused, and returns its one line."""

    def run(*arguments):
        before = sorted(tmp_path.rglob("*"))
        ran = command(*arguments)
        assert ran.code == 2
        assert ran.out == ""
        assert ran.err.startswith("bcauto: ")
        assert ran.err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return ran.err

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trials", 0), "--trials must be greater than or equal to 1, got '0'"),
        (("--trials", "many"), "--trials must be a whole number, got 'many'"),
        (("--trials", "2.5"), "--trials must be a whole number, got '2.5'"),
        (
            ("--gpus-per-trial", "nan"),
            "--gpus-per-trial must be less than or equal to 1, got 'nan'",
        ),
        (("--gpus-per-trial", "half"), "--gpus-per-trial must be a number, got 'half'"),
        (("--workers", 0), "--workers must be greater than or equal to 1, got '0'"),
        (("--workers", 10**9), "--workers must be less than or equal to 10000, got '1000000000'"),
        (("--seed", -1), "--seed must be greater than or equal to 0, got '-1'"),
        (("--trials", 10**9 + 1), "--trials must be less than or equal to 1000000000, got '10000"),
        (("--seed", 2**63), f"--seed must be less than or equal to {2**63 - 1}, got '{2**63}'"),
        (("--gpus-per-trial", 0), "gpus_per_trial must be greater than 0, got 0"),
        (("--gpus-per-trial", 2), "--gpus-per-trial must be less than or equal to 1, got '2'"),
        (("--keep", 0), "--keep must be a whole number above 0, or all, got '0'"),
        (
            ("--timeout", "soon"),
            "--timeout must be a time such as 2h, 1h30m, 40m or 90s, got 'soon'",
        ),
        (("--executor", "dask"), "--executor: 'dask' is not one of 'ray', 'inline'"),
        (("--leaks", "keep"), "'keep' is not one of 'refuse', 'drop'"),
        (("--space", "quik"), "unknown space 'quik'; did you mean 'quick'?"),
        (("--space", "no/such.toml"), "no/such.toml: cannot be read"),
        (("--data", "no/such.npz"), "no/such.npz"),
        (("--weights", "no/such"), "--weights must be imagenet, none or a folder"),
        (("--study", "../x"), "a study name must be"),
        (("--study", ""), "no argument may be empty, got --study ''"),
        (("--hypermodel", ""), "no argument may be empty, got --hypermodel ''"),
        (("--data", ""), "no argument may be empty, got --data ''"),
        (("--data=",), "no argument may be empty, got --data ''"),
        (("--storage", "study.db"), "--storage must be a URL"),
        (("--storage", "sqlite:////no/such/study.db"), "folder of the SQLite file must exist"),
        (("--ray-address", "nohost.invalid:1"), "--ray-address must be local, auto or"),
        (("--ray-address", "nonsense"), "--ray-address must be local, auto or"),
        (("--ray-address", "ray://127.0.0.1:10001"), "--ray-address must be local, auto or"),
        (("--nosuch",), "--nosuch"),
        (("--image-size", 4), "--image-size must be greater than or equal to 8, got '4'"),
        (("--input-scale", 3), "--input-scale: '3' is not one of '1', '255'"),
        (("--input-scale", 1), "--input-scale goes with --hypermodel only, got 1"),
        (("--join",), "No such option: --join"),
    ],
)
def test_search_options(refused, arguments, said):
    assert said in refused("search", *arguments)


def test_space_with_an_unknown_key(refused, tiny_space):
    tiny_space.write_text(tiny_space.read_text().replace("epochs = 3", "epoch = 3"))
    line = refused("search", "--space", tiny_space)
    assert "tiny.toml" in line
    assert "training.epoch" in line
    assert "did you mean 'epochs'" in line


def test_archive_without_labels(refused, tmp_path):
    np.savez(tmp_path / "bad.npz", images=np.zeros((4, 32, 32, 3), np.uint8))
    assert "labels" in refused("search", "--data", tmp_path / "bad.npz")


def test_data_whose_sides_share_a_picture(refused, tmp_path, tiny_space, two_classes):
    train, val = two_classes(40, 0), two_classes(20, 1)
    val["images"][3] = train["images"][5] // 2
    parts = {"train": train, "val": val}.items()
    arrays = {f"{side}_{name}": array for side, part in parts for name, array in part.items()}
    np.savez(tmp_path / "leaky.npz", **arrays)
    given = {"data": str(tmp_path / "leaky.npz"), "space": str(tiny_space)}
    line = refused("search", "--data", given["data"], "--space", given["space"])
    assert "got 1 pair (train 5 and val 3)" in line
    assert "--leaks drop" in line

    plan = plan_search({**given, "leaks": "drop"}, tmp_path / "studies", None)
    assert plan.record.settings.leaks == "drop"
    assert (plan.record.data.train, plan.record.data.val) == (39, 20)
    assert plan.record.data.cleaning["leaked"] == 1


def test_damaged_pictures_and_how_to_leave_them_out(refused, tmp_path, tiny_space, two_classes):
    for index, image in enumerate(two_classes(40, 0)["images"]):
        path = tmp_path / "cells" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    for name in ("a/2.png", "b/7.png", "b/9.png"):
        (tmp_path / "cells" / name).write_bytes(b"<html>")
    given = {"data": str(tmp_path / "cells"), "space": str(tiny_space)}
    line = refused("search", "--data", given["data"], "--space", given["space"])
    assert "3 of 40 pictures cannot be read (a/2.png, b/7.png, b/9.png)" in line
    assert "--skip-damaged" in line

    plan = plan_search({**given, "skip_damaged": True}, tmp_path / "studies", None)
    assert plan.record.settings.skip_damaged
    assert plan.record.data.train + plan.record.data.val == 37
    assert plan.record.data.cleaning["damaged"] == ["a/2.png", "b/7.png", "b/9.png"]


def test_labels_in_a_file(refused, tmp_path, tiny_space, two_classes):
    images, labels = two_classes(40, 0).values()
    (tmp_path / "cells").mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "cells" / f"{index}.png")
    text = "".join(f"{index},{'ab'[label]}\n" for index, label in enumerate(labels))
    (tmp_path / "labels.csv").write_text(f"id,label\n{text}")
    given = {"data": str(tmp_path / "cells"), "space": str(tiny_space)}
    line = refused("search", "--data", given["data"], "--space", given["space"])
    assert "40 pictures outside of any" in line
    assert "--labels" in line
    line = refused("search", "--labels", tmp_path / "labels.csv", "--space", given["space"])
    assert "--labels goes with --data" in line

    plan = plan_search({**given, "labels": str(tmp_path / "labels.csv")}, tmp_path, None)
    assert plan.record.settings.labels == str(tmp_path / "labels.csv")
    assert plan.record.data.class_names == ("a", "b")
    assert plan.record.data.train + plan.record.data.val == 40


def test_space_whose_backbones_need_larger_images(refused, tmp_path, tiny_npz):
    space = tmp_path / "large.toml"
    space.write_text('[recipe.model]\nbackbone = "InceptionV3"\n')
    line = refused("search", "--data", tiny_npz, "--space", space, "--weights", "none")
    assert "InceptionV3 takes images of at least 75 px, got 32 px" in line


def test_weights_folder_that_lacks_a_file(refused, tmp_path, tiny_npz):
    (tmp_path / "weights").mkdir()
    arguments = ("--data", tiny_npz, "--space", "small", "--weights", "weights")
    assert "mobilenet_0.25.weights.h5" in refused("search", *arguments)


def test_no_disk(refused, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert "free disk" in refused("search")


@pytest.mark.skipif(sys.platform == "win32", reason="no such folder")
def test_studies_folder_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").write_text("")
    line = refused("search", "--studies-dir", tmp_path / "file")
    assert "--studies-dir must be a folder that can be written to" in line


@pytest.mark.parametrize("command_name", ["status", "best", "dashboard"])
def test_unknown_study(refused, command_name):
    assert "no study 'nobody'" in refused(command_name, "nobody")
    assert "no study" in refused(command_name)


def test_out_without_export(refused):
    assert "--out goes with --export" in refused("best", "--out", "x")


def test_evaluate_needs_a_model_and_data(refused, tiny_npz):
    assert "--data must exist" in refused("evaluate", "model.keras", "--data", "nothing.npz")


def test_unknown_command(refused):
    assert "serch" in refused("serch")
    assert "prune" in refused("prune")  # the name that clean had


def test_dashboard_on_a_port_in_use(searched_record, refused):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused("dashboard", "looked-at", "--port", port)
    assert f"must be free to listen on, got 127.0.0.1:{port}" in line


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 300, "é" * 80])
def test_dashboard_on_no_address(searched_record, refused, host):
    line = refused("dashboard", "looked-at", "--host", host)
    assert f"--host and --port must be free to listen on, got {host}:8080 (" in line


def test_dashboard_listens_on_this_machine_alone():
    assert inspect.signature(dashboard).parameters["host"].default == "127.0.0.1"


def test_study_whose_database_is_gone(searched_record, refused):
    (searched_record / "study.db").unlink()
    assert "storage is missing" in refused("status")


def test_a_mistyped_study_is_not_begun(searched_record, refused, command):
    line = refused("search", "--study", "looked-att", "--trials", 9)
    assert "no study 'looked-att' is in studies; did you mean 'looked-at'? Legal: looked-at" in line
    meant = command("search", "--study", "looked-att", "--space", "quik")
    assert "unknown space 'quik'" in meant.err
    elsewhere = refused("search", "--study", "looked-at", "--studies-dir", "no")
    assert "a study begins with --data or --space, and no study 'looked-at' is in no" in elsewhere


@pytest.fixture
def searched_record(tmp_path):
    """A study as it lies on disk before its first trial."""
    folder = StudyFolder(tmp_path / "studies" / "looked-at")
    folder.path.mkdir(parents=True)
    optuna.create_study(study_name="looked-at", storage=connect(folder.default_storage))
    identity = {"data": "d", "space": "s", "proxy": "p", "seed": 0, "weights": "none"}
    StudyRecord(
        settings=Settings(space="quick"),
        identity=Identity(**identity, storage=OWN_STORAGE),
        data=DataRecord(
            fingerprint="d",
            class_names=("a", "b"),
            train=1,
            val=1,
            image_size=(32, 32),
            cleaning={},
        ),
        versions={},
    ).write(folder)
    return folder.path


def test_version_and_bare_command(command):
    assert command("--version").out == f"bcauto {version('bcauto')}\n"
    bare = command()
    assert bare.code == 0
    assert bare.out.startswith("Usage: ")
