"""The report in a real browser: nothing is loaded, nothing breaks, and it shows what it should."""

import html

import numpy as np
import pytest
from report_studies import whole_subject
from sklearn.metrics import confusion_matrix

from bcauto.page.figure_json import labels
from bcauto.page.parts import Page
from bcauto.page.render import write_page
from bcauto.report.page import make_page

pytestmark = pytest.mark.browser

EVIL = "<script>window.ran = true</script><img src=x onerror='window.ran = true'>"
NAMES = (EVIL, "b & c", "<b>bold</b>")
STATES = "ccpcfcccrc" * 2


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return whole_subject(tmp_path_factory.mktemp("browser"), STATES, NAMES)


@pytest.fixture(scope="module")
def page(subject):
    return make_page(subject)


@pytest.fixture(scope="module")
def address(subject, page):
    path = subject.opened.folder.report / "index.html"
    write_page(path, page)
    assert path.stat().st_size < 8e6
    return path.as_uri()


def test_nothing_breaks_and_nothing_is_loaded(opened):
    assert opened.problems == []
    assert opened.requests == []


def test_it_never_scrolls_sideways(opened):
    assert not opened.scrolls_sideways()


def test_it_is_accessible(opened, violations):
    assert violations(opened) == []


def test_every_figure_is_drawn_with_its_data(wide, page, subject):
    drawn = wide.page.evaluate(
        "[...document.querySelectorAll('.plot')].filter(p => p.querySelector('svg')).map(p => p.id)"
    )
    assert drawn == [figure.name for figure in page.figures]
    trials = sorted(subject.opened.complete(), key=lambda trial: trial.number)
    points = wide.figure("held-out-over-objective")[0]
    assert points["x"] == [trial.objective for trial in trials]
    assert points["y"] == [trial.held_out for trial in trials]
    seen = subject.look.corrupted
    found = np.array(wide.figure("confusion-corrupted")[0]["z"])
    assert found == pytest.approx(confusion_matrix(seen.labels, seen.predicted, normalize="true"))
    cells = wide.figure("severities")[0]["z"]
    runs = subject.board.winner.confirmed.runs
    means = [
        np.mean([run.scores.corruptions[key] for run in runs]) for key in runs[0].scores.corruptions
    ]
    assert sorted(np.ravel(cells)) == pytest.approx(sorted(means))


def test_class_names_are_shown_letter_by_letter_and_never_run(wide):
    assert wide.page.evaluate("window.ran") is None
    shown = wide.page.locator("#confusion-clean .ytick text").all_text_contents()
    assert sorted(shown) == sorted(html.unescape(text) for text in labels(NAMES))
    assert any(text.startswith("<script>") for text in shown)
    assert EVIL in wide.page.locator("main").inner_text()


def test_a_script_that_is_not_the_pages_own_does_not_run(open_page, tmp_path):
    write_page(tmp_path / "small.html", Page("title", "lead", ()))
    opened = open_page((tmp_path / "small.html").as_uri())
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.ran = true'}))"
    )
    assert opened.page.evaluate("window.ran") is None
    assert "Content Security Policy" in opened.problems[0]


def column(opened, title):
    table = opened.page.locator("table", has=opened.page.locator("text=Leaderboard"))
    titles = table.locator("th").all_inner_texts()
    at = [text.strip(" ↕↑↓\n") for text in titles].index(title)
    return table.locator("th button").nth(at), table.locator(f"tbody td:nth-child({at + 1})")


def test_tables_sort_by_mouse_and_keyboard(wide):
    button, cells = column(wide, "search score")
    scores = sorted(float(text) for text in cells.all_inner_texts())
    button.click()
    assert [float(text) for text in cells.all_inner_texts()] == scores
    assert button.locator("..").get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert [float(text) for text in cells.all_inner_texts()] == scores[::-1]
    assert button.locator("..").get_attribute("aria-sort") == "descending"
    button, cells = column(wide, "estimate")
    button.click()
    texts = cells.all_inner_texts()
    assert texts == sorted(texts, key=lambda text: (text == "", text))  # the empty ones last


def test_figures_follow_the_colour_scheme(narrow):
    paper = "getComputedStyle(document.querySelector('#families .main-svg')).backgroundColor"
    assert narrow.page.evaluate(paper) == "rgb(20, 23, 26)"
    narrow.page.emulate_media(color_scheme="light")
    narrow.page.wait_for_function(f"{paper} === 'rgb(255, 255, 255)'", timeout=20_000)


def test_in_print_no_figure_is_cut(wide):
    """Each is kept whole, and is lower and narrower than an A4 page between its margins."""
    wide.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    wide.page.emulate_media(media="print")
    sizes = wide.page.evaluate(
        "[...document.querySelectorAll('figure')].map(f => [f.offsetHeight,"
        " getComputedStyle(f).breakInside, Math.max(0, ...[...f.querySelectorAll('svg')]"
        ".map(s => s.getBoundingClientRect().width))])"
    )
    wide.page.emulate_media(media="screen")
    wide.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert {kept for _, kept, _ in sizes} == {"avoid"}
    assert max(height for height, _, _ in sizes) < 1016  # px: 297 mm less twice 14
    assert max(width for _, _, width in sizes) <= 687
