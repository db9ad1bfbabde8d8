"""``--proxy-data`` and ``--proxy-add``: a user's own images that are like the hidden ones."""

import json

import numpy as np
import pytest

pytestmark = pytest.mark.keras

SEARCH = ("search", "--data", "tiny.npz", "--space", "tiny.toml", "--executor", "inline")


@pytest.fixture
def hidden(tmp_path, two_classes):
    path = tmp_path / "hidden.npz"
    np.savez(path, **two_classes(30, 7))
    return path


def test_a_search_on_own_images_is_scored_on_them(command, tmp_path, tiny_npz, tiny_space, hidden):
    ran = command(*SEARCH, "--trials", 1, "--proxy-add", hidden.name)
    assert ran.code == 0, ran.err
    assert ", 30 of your own" in ran.out
    from bcauto.results.trials import completed_trials, load_study
    from bcauto.storage.connect import connect
    from bcauto.study.folder import StudyFolder
    from bcauto.study.settings import StudyRecord

    folder = StudyFolder(tmp_path / "studies" / "tiny-tiny")
    url = StudyRecord.read(folder).settings.storage_url(folder)
    [trial] = completed_trials(load_study(folder.name, connect(url)))
    assert "own" in trial.scores.families
    assert json.loads(command("proxy", "--json").out)["trials"] == 1

    for other in (
        (),
        ("--proxy-data", hidden.name),
        ("--proxy-add", tiny_npz.name, "--leaks", "drop"),
    ):
        again = command(*SEARCH, "--trials", 2, "--study", "tiny-tiny", *other)
        assert again.code == (0 if other == () else 2), again.err
    assert len(completed_trials(load_study(folder.name, connect(url)))) <= 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--proxy-data", "hidden.npz", "--proxy-add", "hidden.npz"), "exclude each other"),
        (("--proxy-data", "nothing.npz"), "nothing.npz"),
        (("--proxy-add", "tiny.npz"), "no image to score on may be a near duplicate"),
        (("--proxy-add", "three.npz"), "must be in 0..1 for 2 classes, got 2"),
    ],
)
def test_refusals(command, tmp_path, tiny_npz, tiny_space, hidden, arguments, said):
    cells = dict(np.load(hidden))
    np.savez(tmp_path / "three.npz", images=cells["images"], labels=cells["labels"] + 1)
    ran = command(*SEARCH, *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "studies").exists()
