"""Whose augmentation and whose features a study's distances are of; nothing is trained here."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bcauto.driver import distance
from bcauto.driver.distance import measure_distances
from bcauto.proxy.config import ProxyConfig
from bcauto.proxy.corruptions import OWN, CorruptionAtSeverity
from bcauto.results.open_study import open_study
from bcauto.space.files import read_space

GOLDEN = Path(__file__).parents[1] / "results" / "golden"
FILE = "mobilenet_0.25.weights.h5"
CONFIG = ProxyConfig(severities=(4,))
CORRUPTIONS = (*CONFIG.corruptions, *CONFIG.held_out_corruptions)


@pytest.fixture(autouse=True)
def without_keras(monkeypatch):
    """Reads no data and starts no Keras; features are the mean colours of an image."""
    images = np.random.default_rng(0).integers(0, 256, (70, 24, 24, 3), dtype=np.uint8)
    data = SimpleNamespace(val=SimpleNamespace(images=images))
    monkeypatch.setattr(distance, "load_data", lambda _: data)
    monkeypatch.setattr(distance, "start_keras", lambda _: None)
    monkeypatch.setattr(distance, "_SAMPLES", 3)

    def features(source, file, size):
        assert size == (24, 24)
        return lambda images: images.mean(axis=(1, 2)), f"of {source.source if source else file}"

    monkeypatch.setattr(distance, "_features", features)


@pytest.fixture
def studies(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "studies")
    return tmp_path / "studies"


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / FILE).touch()
    return folder


def test_every_corruption_has_a_distance_by_the_best_recipe(studies, weights):
    opened = open_study(studies, "small-cells", None)
    own = CorruptionAtSeverity(OWN, 1)
    found = measure_distances(opened, (*CORRUPTIONS, own), str(weights))
    assert tuple(found.corruptions) == CORRUPTIONS
    assert set(found.families) == {*CONFIG.families, *CONFIG.held_out}
    assert found.recipe == f"trial {opened.complete()[0].number}"
    assert (found.features, found.images, found.samples) == (f"of {weights}", 50, 3)
    said = found.as_dict()
    assert said["families"]["blur"] == {
        "training": found.families["blur"].training,
        "clean": found.families["blur"].clean,
    }
    assert list(said["corruptions"]) == [each.name for each in CORRUPTIONS]


def test_before_a_trial_is_complete_it_is_the_spaces_first_recipe(studies, weights, monkeypatch):
    opened = open_study(studies, "small-cells", None)
    monkeypatch.setattr(type(opened), "complete", lambda _: [])
    space = read_space(opened.folder.space)
    assert distance._recipe(opened)[0] == space.at(space.start[0])
    found = measure_distances(opened, CORRUPTIONS, str(weights))
    assert found.recipe == "the space's first recipe"


def test_without_weights_it_is_the_winners_own_model_or_what_is_missing_is_said(studies, refused):
    opened = open_study(studies, "quick-drawn", None)
    with refused(f"^--distance needs a network's features: give --weights DIR with {FILE} "):
        measure_distances(opened, CORRUPTIONS)
    won = opened.leaderboard.winner
    run = won.confirmed.kept(opened.folder)
    file = opened.folder.confirm_model(run.number)
    file.parent.mkdir(parents=True)
    file.touch()
    found = measure_distances(opened, CORRUPTIONS)
    assert found.features == f"of {file}"
    assert found.recipe == f"trial {won.number}"


def test_a_folder_without_the_file_and_no_weights_at_all_are_refused(studies, tmp_path, refused):
    opened = open_study(studies, "quick-drawn", None)
    with refused(f"^--weights {tmp_path} lacks {FILE}"):
        measure_distances(opened, CORRUPTIONS, str(tmp_path))
    with refused("^--weights must be imagenet or a folder with --distance, got 'none'"):
        measure_distances(opened, CORRUPTIONS, "none")
