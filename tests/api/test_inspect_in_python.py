"""A data set in memory is looked at by ``import bcauto`` alone."""

import numpy as np
import pytest

import bcauto

COLOURS = np.array([[200, 60, 60], [60, 200, 60]])


@pytest.fixture(scope="module")
def inspection():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = COLOURS[labels][:, None, None] + rng.integers(-40, 40, (40, 16, 16, 3))
    images[39] = images[3]
    return bcauto.inspect(
        (images.astype(np.uint8), labels), class_names=["ash", "birch"], weights="none"
    )


def test_copies_are_seen(inspection):
    assert inspection.seen["pictures"] == 40
    assert inspection.seen["duplicates"] == [[3, 39]]
    assert [each["name"] for each in inspection.seen["classes"]] == ["ash", "birch"]
    assert "40 pictures" in repr(inspection)


def test_page_and_cleaned_copy_are_written(inspection, tmp_path):
    assert "<html" in inspection.write_page(tmp_path / "page.html").read_text()
    with np.load(inspection.write_cleaned(tmp_path / "clean.npz")) as stored:
        assert len(stored["images"]) == 39
        assert stored["taken_out"].tolist() == [*inspection.taken_out.reasons]
    [why] = inspection.taken_out.reasons.values()
    assert why.startswith("exact duplicate of")


def test_no_data_and_a_wrong_keyword_are_refused(refused, tmp_path):
    with refused("data must be labelled pictures, got None"):
        bcauto.inspect(None)
    with refused("above= must be a cosine"):
        bcauto.inspect((np.zeros((2, 8, 8, 3), np.uint8), [0, 1]), above=3)
