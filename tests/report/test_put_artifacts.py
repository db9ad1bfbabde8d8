"""What a search leaves for a dashboard at its end."""

import errno
import threading

import cv2
import numpy as np
import pytest
from report_studies import MadeUp, whole_subject

from bcauto.errors import BadInput
from bcauto.page.parts import Page
from bcauto.report.after_search import report_after_search
from bcauto.report.artifacts import put_artifacts
from bcauto.report.mistakes import mistakes_sheet
from bcauto.report.page import report_path, write_report
from bcauto.report.subject import Subject
from bcauto.study.artifacts import Artifacts
from bcauto.study.lock import locked

NAMES = ("a", "b", "cé")


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A study with a model of its winner and the page of its report."""
    subject = whole_subject(tmp_path_factory.mktemp("artifacts"), "ccpcfcccrc", NAMES)
    report_path(subject.opened).parent.mkdir()
    report_path(subject.opened).write_text("report")
    return subject


@pytest.fixture(autouse=True)
def in_memory(subject, monkeypatch):
    """The storage of the made-up study, and no browser."""
    storage = subject.opened.study._storage
    monkeypatch.setattr("bcauto.report.artifacts.connect", lambda url: storage)
    monkeypatch.setenv("BROWSER_PATH", "/nowhere")
    return storage


def contents(subject, storage):
    folder = subject.opened.folder
    names = Artifacts(storage, folder).names()
    return {name: folder.artifacts / key for key, name in names.items()}


def test_without_a_browser_there_are_mistakes_report_and_kept_models(subject, in_memory):
    folder, entries = subject.opened.folder, subject.board.entries
    plain = next(each for each in entries if not each.confirmed)
    again = next(each for each in entries if each.confirmed)
    repeat = folder.confirm_model(again.confirmed.kept(folder).number)
    for path in (folder.model(plain.number), folder.model(again.number), repeat):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    put_artifacts(subject, Page("title", "lead", ()), "url")
    found = contents(subject, in_memory)
    sheet = mistakes_sheet(subject.look, NAMES)
    assert (cv2.imread(str(found.pop("winner-mistakes.png")))[..., ::-1] == sheet).all()
    assert found.pop("report.html").samefile(report_path(subject.opened))
    assert found.pop(f"trial-{plain.number}.keras").samefile(folder.model(plain.number))
    kept = again.confirmed.kept(folder).number  # what an export of it hands over
    assert found.pop(f"trial-{again.number}.keras").samefile(folder.confirm_model(kept))
    assert found == {}


def test_the_sheet_shows_the_commonest_confusions_surest_first(subject, monkeypatch):
    drawn = []
    monkeypatch.setattr("bcauto.report.mistakes.draw_grid", lambda rows: drawn.extend(rows))
    mistakes_sheet(subject.look, NAMES)
    seen = subject.look.corrupted
    pairs = {
        (truth, said): int(((seen.labels == truth) & (seen.predicted == said)).sum())
        for truth in range(3)
        for said in range(3)
        if truth != said
    }
    counts = sorted((count for count in pairs.values() if count), reverse=True)
    assert [int(row.note.partition(" in ")[2].split()[0]) for row in drawn] == counts
    assert {row.title for row in drawn} <= {"a", "b", "c?"}
    assert all(len(row.tiles) == min(8, count) for row, count in zip(drawn, counts, strict=True))


def test_a_study_that_is_searched_by_now_is_left_alone(subject, in_memory):
    before = contents(subject, in_memory)
    held, done = threading.Event(), threading.Event()

    def hold():
        with locked(subject.opened.folder):
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with pytest.raises(BadInput, match="is being searched"):
        put_artifacts(subject, Page("title", "lead", ()), "url")
    done.set()
    holder.join()
    assert contents(subject, in_memory) == before


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("lost\nmore")]
)
def test_what_goes_wrong_with_artifacts_is_a_line(tmp_path, monkeypatch, error):
    opened = MadeUp(tmp_path / "studies")("cc")

    def fail(*what):
        raise error

    for real in (write_report, put_artifacts):  # also where other tests want none of them
        monkeypatch.setattr(f"bcauto.report.after_search.{real.__name__}", real)
    monkeypatch.setattr("bcauto.report.after_search.open_study", lambda *what: opened)
    monkeypatch.setattr("bcauto.report.artifacts.Artifacts", fail)
    monkeypatch.setattr("bcauto.report.artifacts.connect", lambda url: None)
    said = []
    report_after_search(opened.folder, "url", said.append)
    assert report_path(opened).exists()
    assert said[0].startswith("report: ")
    assert said[1].startswith("artifacts: not written (")
    assert len(said) == 2
    assert "\n" not in said[1]


def test_a_study_without_a_complete_trial_has_its_report_alone(tmp_path, monkeypatch):
    opened = MadeUp(tmp_path / "studies")("fp")
    subject = Subject(opened)
    monkeypatch.setattr("bcauto.report.artifacts.connect", lambda url: opened.study._storage)
    put_artifacts(subject, write_report(subject), "url")
    assert [*contents(subject, opened.study._storage)] == ["report.html"]


@pytest.mark.browser
@pytest.mark.usefixtures("browser")
def test_with_a_browser_there_are_figures_of_the_report(subject, in_memory, monkeypatch):
    monkeypatch.delenv("BROWSER_PATH")
    pytest.importorskip("kaleido")
    put_artifacts(subject, write_report(subject), "url")
    names = ("severities", "confusion-clean", "confusion-corrupted")
    found = contents(subject, in_memory)
    for name in names:
        picture = cv2.imread(str(found[f"winner-{name}.png"]))
        assert np.ptp(picture) == 255 or picture.std() > 10
