"""``bcauto report``: where the page is, what opens it, and what is refused in one line."""

import shutil
import webbrowser
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "results" / "golden"


@pytest.fixture
def studies(tmp_path):
    """Studies of an earlier version, without their pictures and models."""
    shutil.copytree(GOLDEN, tmp_path / "studies")
    for file in (tmp_path / "studies").rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    record = tmp_path / "studies" / "quick-drawn" / "study.toml"
    record.write_text(record.read_text().replace("[settings]", '[settings]\ndata = "gone.npz"'))
    return tmp_path / "studies"


def test_a_study_of_an_earlier_version_has_a_report_and_stays_as_it_was(command, studies):
    before = {file: file.read_bytes() for file in studies.rglob("*") if file.is_file()}
    ran = command("report", "quick-drawn")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "studies/quick-drawn/report/index.html\n"
    page = studies / "quick-drawn" / "report" / "index.html"
    text = page.read_text("utf-8")
    assert "the data cannot be read" in text
    assert "the winner&#39;s model cannot be looked at" in text
    after = {file: file.read_bytes() for file in studies.rglob("*") if file.is_file()}
    del after[page]
    assert after == before


def test_open_shows_it_in_the_browser(command, studies, monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    assert command("report", "quick-drawn", "--open").code == 0
    assert shown == [(studies / "quick-drawn" / "report" / "index.html").as_uri()]


def refused(command, *arguments):
    ran = command("report", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    return ran.err


def test_what_is_no_study_or_cannot_be_written_is_refused_in_a_line(command, studies):
    assert "no study 'other'" in refused(command, "other")
    (studies / "quick-drawn" / "report").touch()
    assert "cannot be written" in refused(command, "quick-drawn")
    file = studies / "quick-drawn" / "report"
    assert "--figures must be a folder" in refused(command, "quick-drawn", "--figures", file)
