"""The artifacts of a study, beside what Optuna and its dashboard read of them."""

import re
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta
from optuna_dashboard.artifact._backend import list_study_artifacts

from bcauto.study.artifacts import Artifacts
from bcauto.study.folder import StudyFolder

OURS = re.compile(r"[a-z]+\.png|report\.html|trial-\d+\.keras")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cells" / "models").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "cells" / "models" / f"{number}.keras").write_bytes(bytes([number]) * 1000)
    return StudyFolder(tmp_path / "cells")


@pytest.fixture
def study():
    return optuna.create_study(study_name="cells")


@pytest.fixture
def artifacts(study, folder):
    return Artifacts(study._storage, folder)


def listed(study):
    return {meta.filename: meta for meta in get_all_artifact_meta(study)}


def shown(study):
    """What the dashboard lists."""
    attributes = study._storage.get_study_system_attrs(study._study_id)
    return sorted(meta["filename"] for meta in list_study_artifacts(attributes))


def files(folder):
    return {file.name: file.lstat().st_mtime_ns for file in folder.artifacts.iterdir()}


def test_optuna_finds_and_downloads_what_was_put(artifacts, study, folder, tmp_path):
    artifacts.replace({"errors.png": b"png", "trial-1.keras": folder.model(1)}, OURS)
    found = listed(study)
    assert {name: meta.mimetype for name, meta in found.items()} == {
        "errors.png": "image/png",
        "trial-1.keras": "application/octet-stream",
    }
    store = FileSystemArtifactStore(folder.artifacts)
    for name, meta in found.items():
        download_artifact(
            artifact_store=store, artifact_id=meta.artifact_id, file_path=str(tmp_path / name)
        )
    assert (tmp_path / "errors.png").read_bytes() == b"png"
    assert (tmp_path / "trial-1.keras").read_bytes() == folder.model(1).read_bytes()
    assert shown(study) == sorted(found)


def test_the_same_is_not_put_twice_and_what_is_newer_replaces_it(artifacts, study, folder):
    artifacts.replace({"errors.png": b"png", "trial-1.keras": folder.model(1)}, OURS)
    before, there = listed(study), files(folder)
    artifacts.replace({"errors.png": b"png", "trial-1.keras": folder.model(1)}, OURS)
    assert (listed(study), files(folder)) == (before, there)
    artifacts.replace({"errors.png": b"newer", "trial-1.keras": folder.model(1)}, OURS)
    assert listed(study) == before
    assert files(folder).keys() == there.keys()
    assert (folder.artifacts / before["errors.png"].artifact_id).read_bytes() == b"newer"


@pytest.mark.parametrize("links", [True, False])
def test_a_model_is_linked_and_copied_where_links_cannot_be_made(
    artifacts, study, folder, links, monkeypatch
):
    def refuse(path, target):
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        artifacts.replace({"trial-1.keras": folder.model(1)}, OURS)
    [file] = folder.artifacts.iterdir()
    assert file.is_symlink() == links
    assert file.read_bytes() == folder.model(1).read_bytes()
    moved = folder.path.rename(folder.path.with_name("moved"))  # the link is a relative one
    assert (moved / "artifacts" / file.name).read_bytes() == bytes([1]) * 1000


def test_what_is_no_longer_wanted_goes_and_what_others_put_stays(artifacts, study, folder):
    artifacts.replace({"errors.png": b"png", "trial-1.keras": folder.model(1)}, OURS)
    by_hand = folder.path / "by-hand.txt"
    by_hand.write_text("by hand")
    optuna.artifacts.upload_artifact(
        artifact_store=FileSystemArtifactStore(folder.artifacts),
        file_path=str(by_hand),
        study_or_trial=study,
    )
    before = listed(study)
    artifacts.replace({"errors.png": b"png", "trial-2.keras": folder.model(2)}, OURS)
    after = listed(study)  # Optuna would fail where an artifact is only struck out
    assert after.keys() == {"errors.png", "trial-2.keras", "by-hand.txt"}
    assert after["trial-2.keras"].artifact_id == before["trial-1.keras"].artifact_id
    assert (folder.artifacts / after["trial-2.keras"].artifact_id).samefile(folder.model(2))
    artifacts.replace({}, OURS)
    assert [*artifacts.names().values()] == ["by-hand.txt"]
    assert shown(study) == ["by-hand.txt"]
    assert len(files(folder)) == 1
    artifacts.replace({"errors.png": b"png"}, OURS)
    assert {*artifacts.names().values()} == {"by-hand.txt", "errors.png"}


def test_a_model_that_was_deleted_is_forgotten(artifacts, folder):
    artifacts.forget_missing()  # no folder yet
    models = {f"trial-{number}.keras": folder.model(number) for number in range(3)}
    artifacts.replace(models, OURS)
    folder.model(0).unlink()
    artifacts.forget_missing()
    assert {*artifacts.names().values()} == {"trial-1.keras", "trial-2.keras"}
    assert len(files(folder)) == 2


def test_files_that_lie_on_another_machine_are_not_forgotten(artifacts, folder):
    artifacts.replace({"errors.png": b"png"}, OURS)
    folder.artifacts.rename(folder.path / "elsewhere")
    artifacts.forget_missing()
    assert [*artifacts.names().values()] == ["errors.png"]
    artifacts.replace({"errors.png": b"png"}, OURS)  # searched on, here
    assert files(folder).keys() == artifacts.names().keys()
