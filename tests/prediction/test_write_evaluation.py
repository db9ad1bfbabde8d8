"""The files of an evaluation, read back by other programs."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from bcauto.data.labelled import NamedImages

pytestmark = pytest.mark.keras

NAMES = ("Zelle", "ß")
TRUTH = np.array([0, 0, 0, 1, 1, 1])
OF_FIRST = np.array([0.9, 0.2, 0.4, 0.7, 0.1, 0.8], np.float32)  # 1, 2, 3 and 5 are wrong


@pytest.fixture
def evaluation(images_of):
    from bcauto.prediction.evaluate import Evaluation

    def make(seen, of_first=OF_FIRST):
        names = tuple(f"{number}.png" for number in range(6))
        images = NamedImages(images_of(6, (96, 96)), TRUTH, names=names)
        return Evaluation(images, np.stack([of_first, 1 - of_first], axis=1), NAMES, seen)

    return make


@pytest.fixture
def write():
    from bcauto.prediction.write_evaluation import write_evaluation

    return write_evaluation


SEEN = ["train", None, "val", None, None, "intruder"]


def test_predictions_and_classes(evaluation, write, tmp_path):
    write(evaluation(SEEN), tmp_path)
    table = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    assert list(table.columns) == ["file", "true_class", "seen", "class", "p_Zelle", "p_ß"]
    assert table["file"].tolist() == [f"{number}.png" for number in range(6)]
    assert table["true_class"].tolist() == [NAMES[label] for label in TRUTH]
    assert table["class"].tolist() == [NAMES[int(p < 0.5)] for p in OF_FIRST]
    assert table["seen"].tolist() == [part or "" for part in SEEN]
    np.testing.assert_allclose(table["p_Zelle"], OF_FIRST, rtol=1e-6)
    classes = pd.read_csv(tmp_path / "classes.csv")
    assert classes["support"].tolist() == [3, 3]
    np.testing.assert_allclose(classes["recall"], [1 / 3, 1 / 3])
    assert json.loads((tmp_path / "scores.json").read_text())["seen"] == {
        "trained_on": 1,
        "validated_on": 1,
        "intruders": 1,
    }


def test_mistakes_are_drawn_surest_first_and_without_intruders(evaluation, write, tmp_path):
    found = evaluation(SEEN)
    assert [mistake.index for mistake in found.mistakes()] == [1, 5, 3, 2]
    write(found, tmp_path)
    table = pd.read_csv(tmp_path / "mistakes.csv")
    assert table["file"].tolist() == ["1.png", "2.png", "3.png"]
    assert table[["row", "column"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1]]
    np.testing.assert_allclose(table["probability"], [0.8, 0.6, 0.7], rtol=1e-6)
    np.testing.assert_allclose(table["of_true_class"], [0.2, 0.4, 0.3], rtol=1e-6)
    drawn = cv2.imread(str(tmp_path / "mistakes.png"))[..., ::-1]
    for index in (1, 2, 3):
        assert holds(drawn, found.images.images[index])
    assert not holds(drawn, found.images.images[5])


def holds(picture, tile):
    """Whether a tile is somewhere in a picture."""
    return cv2.matchTemplate(picture, tile, cv2.TM_CCOEFF_NORMED).max() > 0.9999


def test_without_fingerprints_nothing_is_said_of_what_was_seen(evaluation, write, tmp_path):
    write(evaluation(None), tmp_path)
    assert "seen" not in pd.read_csv(tmp_path / "predictions.csv").columns
    assert json.loads((tmp_path / "scores.json").read_text())["seen"] is None


def test_a_model_without_mistakes_has_no_pictures_of_them(evaluation, write, tmp_path):
    write(evaluation(None, np.float32(TRUTH == 0)), tmp_path)
    written = {file.name for file in tmp_path.iterdir()}
    assert written == {"classes.csv", "predictions.csv", "scores.json"}
