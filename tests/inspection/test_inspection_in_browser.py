"""The page of an inspection in a real browser: nothing is loaded, nothing breaks, all is shown."""

import numpy as np
import pytest
from painted_trees import painted

from bcauto.inspection.inspect import Request, inspect
from bcauto.inspection.page import write_inspection

pytestmark = pytest.mark.browser

EVIL = "<script>window.ran = true</script>"
NAMES = [EVIL, "b & c", "<img src=x onerror='window.ran = true'>"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """60 pictures, a copy of one, and 12 of an intruder; the classes have names that are HTML."""
    images, labels = painted(60)
    intruder = np.zeros((12, 24, 24, 3), np.uint8)
    path = tmp_path_factory.mktemp("browser") / "evil.npz"
    np.savez(
        path,
        images=np.concatenate([images, images[[5]], intruder]),
        labels=np.concatenate([labels, labels[[5]], np.arange(12) % 3]),
        class_names=NAMES,
    )
    return inspect(path, Request(weights="none", like="61"))


@pytest.fixture(scope="module")
def address(seen):
    path = seen.path.with_suffix(".html")
    write_inspection(path, seen)
    assert path.stat().st_size < 8e6
    return path.as_uri()


def test_nothing_breaks_is_loaded_or_scrolls_sideways(opened):
    assert opened.problems == []
    assert opened.requests == []
    assert not opened.scrolls_sideways()


def test_it_is_accessible(opened, violations):
    assert violations(opened) == []


def test_every_picture_has_an_alternative_text_of_its_own(wide):
    texts = wide.page.eval_on_selector_all("img", "all => all.map(img => img.alt)")
    assert len(texts) > 60
    assert all(text.startswith("Picture ") and ", labelled " in text for text in texts)


def test_maps_hold_every_picture_where_it_lies(wide, seen):
    layout = seen.compared.layout
    for name, places in (("tsne", layout.tsne), ("pca", layout.pca)):
        traces = wide.figure(name)
        numbers = [number for trace in traces for number in trace["customdata"]]
        assert sorted(numbers) == list(range(73))
        assert [len(trace["x"]) for trace in traces] == [20, 20, 21, 12]
        x = [value for trace in traces for value in trace["x"]]
        assert x == pytest.approx(places[numbers, 0], abs=0.006)


def test_bars_are_the_counts(wide):
    bars = {trace["name"]: trace["x"] for trace in wide.figure("counts")}
    assert bars == {
        "to learn from": [20, 20, 20],
        "exact duplicates": [0, 0, 1],
        "intruders": [4, 4, 4],
    }


def test_names_of_classes_are_shown_letter_by_letter_and_never_run(wide):
    assert wide.page.evaluate("window.ran") is None
    assert EVIL in wide.page.locator("main").inner_text()
    legend = wide.page.locator("#tsne .legendtext").all_text_contents()
    assert legend == [*NAMES, "intruders"]


def test_a_table_sorts(wide):
    table = wide.page.locator("table", has=wide.page.locator("text=Brightness, contrast"))
    titles = table.locator("th").all_inner_texts()
    at = [text.strip(" ↕↑↓\n") for text in titles].index("pictures")
    table.locator("th button").nth(at).click()
    counts = table.locator(f"tbody td:nth-child({at + 1})").all_inner_texts()
    assert counts == ["24", "24", "25"]


def test_in_print_no_figure_is_cut(wide):
    wide.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    wide.page.emulate_media(media="print")
    sizes = wide.page.evaluate(
        "[...document.querySelectorAll('figure')].map(f => [f.offsetHeight,"
        " getComputedStyle(f).breakInside])"
    )
    wide.page.emulate_media(media="screen")
    wide.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert {kept for _, kept in sizes} == {"avoid"}
    assert max(height for height, _ in sizes) < 1016  # px: 297 mm less twice 14
