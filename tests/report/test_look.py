"""What a model says of validation pictures: confusions, classes, sureness, mistakes in pictures.

The model here is a rule: it knows a picture's class as long as a corruption leaves it alone.
"""

from dataclasses import replace

import numpy as np
import pytest
from report_studies import MadeUp, Rule, small_proxy
from sklearn.metrics import confusion_matrix, recall_score

from bcauto.data.labelled import Labelled
from bcauto.page.parts import Figure, Pictures, Table, Text
from bcauto.report.failing import failing
from bcauto.report.look import look_at
from bcauto.report.missing import Missing
from bcauto.report.subject import Subject

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def proxy():
    return small_proxy()


@pytest.fixture(scope="module")
def val():
    rng = np.random.default_rng(1)
    labels = np.arange(24) % 3
    return Labelled(rng.integers(0, 200, (24, 24, 24, 3), dtype=np.uint8), labels)


@pytest.fixture(scope="module")
def look(proxy, val):
    pictures = [*zip(proxy.images, proxy.labels, strict=True)]
    pictures += zip(val.images, val.labels, strict=True)
    return look_at("trial 4", Rule({i.tobytes(): label for i, label in pictures}), proxy, val)


@pytest.fixture(scope="module")
def section(look, tmp_path_factory):
    subject = Subject(MadeUp(tmp_path_factory.mktemp("failing"))("ccc", repeats=4))
    subject.__dict__["look"] = look
    return subject, failing(subject)


def blocks(section, kind):
    return [block for block in section.blocks if isinstance(block, kind)]


def figure(section, name):
    return next(each for each in blocks(section, Figure) if each.name == name).drawn


def test_all_copies_of_pictures_of_every_class_are_looked_at(proxy, val):
    seen = []
    some = look_at(
        "m", lambda i: seen.append(len(i)) or np.eye(3)[np.zeros(len(i), int)], proxy, val, 40
    )
    assert len(some.corrupted.labels) <= 40
    for base in np.unique(some.corrupted.base):
        assert (some.corrupted.base == base).sum() == (proxy.base == base).sum()
    assert set(some.corrupted.labels) == {0, 1, 2}
    assert (some.clean.labels == val.labels[some.clean.base]).all()
    assert sum(seen) == len(some.corrupted.labels) + len(some.clean.labels)


def test_a_users_own_pictures_count_as_copies_of_pictures_that_follow_the_others(proxy, val):
    own = replace(proxy, base=proxy.base + len(val))
    look = look_at("m", lambda images: np.full((len(images), 3), 1 / 3), own, val)
    assert len(look.corrupted.labels) == len(own.labels)
    assert len(look.clean.labels) == len(val)
    assert look.corrupted.base.min() == len(val)


def test_the_heat_map_has_the_mean_over_the_repeats(section):
    subject, made = section
    drawn = figure(made, "severities").data[0]
    runs = subject.board.winner.confirmed.runs
    row = list(drawn.y).index("blur: defocus")
    expected = [
        np.mean([run.scores.corruptions[f"defocus/{s}"] for run in runs]) for s in (2, 4, 5)
    ]
    assert drawn.z[row] == pytest.approx(expected)
    assert len(drawn.y) == 21


def test_confusions_are_scikit_learns(section, look):
    _, made = section
    for kind, seen in (("clean", look.clean), ("corrupted", look.corrupted)):
        drawn = figure(made, f"confusion-{kind}").data[0]
        expected = confusion_matrix(seen.labels, seen.predicted, normalize="true")
        assert np.array(drawn.z) == pytest.approx(expected)


def test_classes_have_their_recalls(section, look):
    _, made = section
    (table,) = blocks(made, Table)
    recalls = recall_score(look.corrupted.labels, look.corrupted.predicted, average=None)
    assert [row[2] for row in table.rows] == pytest.approx(recalls)
    assert [row[-1] for row in table.rows] == ["", "a", "a"]


def test_sureness_lies_beside_accuracy(section, look):
    _, made = section
    for trace, seen in zip(
        figure(made, "calibration").data, (look.clean, look.corrupted), strict=False
    ):
        assert trace.x == pytest.approx([0.8])
        assert trace.y == pytest.approx([np.mean(seen.labels == seen.predicted)])


def test_mistakes_and_what_turns_a_picture_are_shown(section, look):
    _, made = section
    shown = blocks(made, Pictures)
    assert all(": known as it is" in each.caption for each in shown[1:])
    texts = [picture.alt for picture in shown[0].pictures]
    assert texts
    assert all("taken for a" in text for text in texts)
    for strip in shown[1:]:
        first, *others = strip.pictures
        assert first.caption.startswith("as it is: ")
        assert all("taken for a" in each.alt for each in others)


def test_what_is_missing_is_said(tmp_path, proxy):
    subject = Subject(MadeUp(tmp_path)("cc"))
    subject.__dict__["look"] = Missing("the model is gone")
    assert any("the model is gone" in text.text for text in blocks(failing(subject), Text))
    guess = look_at("m", lambda i: np.eye(3)[np.zeros(len(i), int)], proxy, Missing("no data"))
    subject.__dict__["look"] = guess
    notes = [text.text for text in blocks(failing(subject), Text) if text.tone == "note"]
    assert len([note for note in notes if "no data" in note]) == 2
