"""``bcauto dashboard`` in a real browser, on a study that was made up."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from urllib.error import URLError
from urllib.request import urlopen

import optuna
import pytest
from optuna.trial import create_trial
from report_studies import whole_subject

from bcauto.report.artifacts import put_artifacts
from bcauto.report.page import write_report
from bcauto.report.subject import Subject
from bcauto.results.notes import study_note, trial_note
from bcauto.results.open_study import OpenStudy
from bcauto.study.attributes import store_note

pytestmark = pytest.mark.browser

LONG = {"recipe", "scores", "run", "traceback"}
LONG_NAME = "a class with quite a long name"


def as_stored_now(trial):
    """A made-up trial as a search stores it: what is long is a system attribute."""
    stored = trial.user_attrs
    long = {f"bcauto:{key}": stored[key] for key in LONG & stored.keys()}
    return create_trial(
        state=trial.state,
        value=trial.value,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={key: value for key, value in stored.items() if key not in LONG},
        system_attrs=long,
        intermediate_values=trial.intermediate_values,
    )


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A study in its own SQLite storage, with notes and artifacts as a search leaves them."""
    made = whole_subject(tmp_path_factory.mktemp("dashboard"), "ccfpc", ("a", "b", LONG_NAME))
    folder, url = made.opened.folder, made.opened.folder.default_storage
    studies = []
    for study, name in ((made.opened.study, "cells"), (made.opened.repeats, "cells.confirm")):
        stored = optuna.create_study(study_name=name, storage=url, direction="maximize")
        stored.add_trials(map(as_stored_now, study.get_trials()))
        studies.append(stored)
    opened = OpenStudy(folder, made.opened.record, *studies)
    store_note(opened.study, study_note(folder, opened.record, opened.leaderboard))
    for trial in opened.study.get_trials():
        store_note(opened.study, trial_note(trial, "none"), trial)
    subject = Subject(opened)
    subject.__dict__["look"] = made.look
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER_PATH", "/nowhere")  # the report's own tests draw with one
        put_artifacts(subject, write_report(subject), url)
    return opened


@pytest.fixture(scope="module")
def address(opened):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "bcauto", "dashboard", "cells", "--port", str(port)]
    studies = opened.folder.path.parent
    server = subprocess.Popen(
        [*command, "--studies-dir", str(studies)],
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}/dashboard"
    for _ in range(300):
        with suppress(URLError):
            urlopen(url).close()
            break
        assert server.poll() is None, server.stderr.read()
        time.sleep(0.1)
    yield url
    server.terminate()
    server.communicate()


@pytest.fixture
def page_at(open_page, address):
    """Opens a page of the dashboard, once a text is shown there."""

    def open_it(path, text):
        opened = open_page(f"{address}/{path}")
        opened.page.get_by_text(text).first.wait_for()
        return opened

    return open_it


def test_the_study_has_its_note(page_at, opened):
    shown = page_at("studies/1/note", "Searches the space")
    winner = opened.leaderboard.winner.number
    assert shown.page.get_by_text(f"The winner is trial {winner}").is_visible()
    assert shown.problems == []
    assert not shown.scrolls_sideways()


def test_the_study_has_its_artifacts(page_at, address):
    shown = page_at("studies/1", "winner-mistakes.png")
    assert shown.page.get_by_text("report.html").is_visible()
    picture = shown.page.locator("img[src*='/artifacts/']")
    shown.page.wait_for_function("one => one.naturalWidth > 0", arg=picture.element_handle())
    assert shown.problems == []
    assert not shown.scrolls_sideways()
    assert all(asked.startswith(address.removesuffix("dashboard")) for asked in shown.requests)


def test_a_trial_has_its_note_and_its_page_is_not_wider_than_the_window(page_at):
    for number, text in ((0, "corrupted (the value)"), (2, "the loss is not a number")):
        shown = page_at(f"studies/1/trials?numbers={number}", text)
        assert shown.problems == []
        assert not shown.scrolls_sideways()
