"""What the report shows of the data: counts, what was dropped, the split, as the study had them."""

import cv2
import numpy as np
import pytest
from report_studies import MadeUp, small_proxy

from bcauto.data.cleaning import Cleaning
from bcauto.data.fingerprints import PictureFingerprints
from bcauto.page.parts import Figure, Pictures, Table, Text
from bcauto.report.learned import learned
from bcauto.report.missing import Missing
from bcauto.report.subject import Subject
from bcauto.study.settings import DataSettings
from bcauto.study_data import load_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 pictures of 3 classes, of which one occurs twice, and an intruder in every class."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (60, 24, 24, 3), dtype=np.uint8)
    labels = np.arange(60) % 3
    images[6] = images[3]
    images[[10, 11, 12]] = 77
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, images=images, labels=labels, class_names=np.array(["a", "b", "c"]))
    return path, load_data(DataSettings(data=str(path)))


@pytest.fixture(scope="module")
def subject(data, tmp_path_factory):
    path, dataset = data
    opened = MadeUp(tmp_path_factory.mktemp("learned"))("cc", data=str(path))
    PictureFingerprints.of(dataset).save(opened.folder.fingerprints)
    small_proxy().save(opened.folder.proxy)
    return Subject(opened)


def blocks(section, kind):
    return [block for block in section.blocks if isinstance(block, kind)]


def test_pictures_have_the_fate_that_the_study_gave_them(subject, data):
    _, dataset = data
    found = subject.pictures
    assert found.places("intruder").tolist() == [10, 11, 12]
    assert found.places("duplicate").tolist() == [6]
    assert len(found.places("train")) == len(dataset.train)
    assert (found.val.images == dataset.val.images).all()
    assert (found.val.labels == dataset.val.labels).all()


def test_what_reading_warned_of_is_not_said_again(tmp_path, caplog):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "cells" / name).mkdir(parents=True)
        for at in range(12):
            tile = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / "cells" / name / f"{at}.png"), tile)
    (tmp_path / "cells" / "a" / "notes.txt").touch()
    load_data(DataSettings(data=str(tmp_path / "cells")))
    assert caplog.text
    caplog.clear()
    made = MadeUp(tmp_path / "studies")
    opened = made("c", data=str(tmp_path / "cells"), class_names=("a", "b"))
    known = PictureFingerprints.of(load_data(opened.record.settings))
    known.save(opened.folder.fingerprints)
    caplog.clear()
    assert len(Subject(opened).pictures.labels) == 24
    assert caplog.text == ""


def test_classes_are_counted_before_and_after_cleaning(subject, data):
    _, dataset = data
    section = learned(subject)
    before, after = next(b for b in blocks(section, Figure) if b.name == "class-counts").drawn.data
    assert list(before.x) == [20, 20, 20]
    assert list(after.x) == list(dataset.class_counts)
    (table,) = blocks(section, Table)
    assert [row[2] for row in table.rows] == list(dataset.train.class_counts(3))
    assert [row[3] for row in table.rows] == list(dataset.val.class_counts(3))


def test_what_was_dropped_and_every_corruption_is_shown(subject):
    shown = blocks(learned(subject), Pictures)
    captions = [each.caption for each in shown]
    assert len(next(e for e in shown if e.caption.startswith("Intruders")).pictures) == 1
    assert len(next(e for e in shown if "more than once" in e.caption).pictures) == 1
    for family in ("geometry", "blur, held out"):
        (row,) = [e for e in shown if e.caption.startswith(f"{family}: one validation")]
        assert len(row.pictures) == 1 + 3 * 2  # the original, three corruptions at two severities
    assert any(caption.startswith("a: ") for caption in captions)


def test_data_that_changed_or_is_gone_is_said(subject, data, tmp_path):
    path, dataset = data
    opened = MadeUp(tmp_path)("c", data=str(tmp_path / "gone.npz"))
    assert "cannot be read" in Subject(opened).pictures.reason
    assert any("cannot be read" in text.text for text in blocks(learned(Subject(opened)), Text))
    other = MadeUp(tmp_path / "more")("c", data=str(path))
    known = PictureFingerprints.of(dataset)
    known.by_part["val"] = known.by_part["val"][:, ::-1].copy()
    known.save(other.folder.fingerprints)
    assert Subject(other).pictures == Missing("the data has changed since the study was begun")


def test_a_hundred_classes_have_a_picture_each(tmp_path):
    rng = np.random.default_rng(0)
    names = tuple(f"class {n}" for n in range(100))
    images = rng.integers(0, 256, (600, 16, 16, 3), dtype=np.uint8)
    path = tmp_path / "many.npz"
    np.savez(path, images=images, labels=np.arange(600) % 100, class_names=np.array(names))
    dataset = load_data(DataSettings(data=str(path)))
    assert dataset.cleaning == Cleaning(600, 0, 0, 0)
    opened = MadeUp(tmp_path)("c", data=str(path), class_names=names)
    PictureFingerprints.of(dataset).save(opened.folder.fingerprints)
    shown = blocks(learned(Subject(opened)), Pictures)
    assert len(next(e for e in shown if e.caption.startswith("One picture")).pictures) == 100
