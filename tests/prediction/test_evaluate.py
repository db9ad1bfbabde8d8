"""What is said of labelled pictures, by hand-made probabilities."""

import numpy as np
import pytest

from bcauto.cli.evaluate import _seen_line
from bcauto.data.labelled import NamedImages
from bcauto.prediction.evaluate import Evaluation

pytestmark = pytest.mark.keras  # its module imports Keras

LABELS = np.array([0, 1, 0, 1])
SAYS = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]], "f4")  # the third is wrong


def evaluation(seen):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    return Evaluation(NamedImages(images, LABELS, names=tuple("abcd")), SAYS, ("x", "y"), seen)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (["train", None, None, "intruder"], 0.5),
        (["train", None, "val", None], 1.0),
        ([None] * 4, 0.75),
        (["train"] * 4, None),
        (None, None),
    ],
)
def test_accuracy_without_pictures_that_the_model_was_made_with(seen, expected):
    assert evaluation(seen).accuracy_on_unseen == expected
    assert evaluation(seen).as_dict()["accuracy_on_unseen"] == expected


def test_the_warning_has_the_accuracy_on_all_others():
    found = evaluation(["train", None, None, "intruder"]).as_dict()
    line = _seen_line(found["seen"], found["accuracy_on_unseen"])
    assert line.endswith(
        "1 are intruders, which its search dropped; accuracy is 0.5000 on all others"
    )
