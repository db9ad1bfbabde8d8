"""A page as HTML: everything escaped, nothing loaded, scripts named by their hashes."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import plotly.graph_objects as go
import pytest

from bcauto.page.figure_json import label, labels
from bcauto.page.parts import (
    Code,
    Column,
    Facts,
    Figure,
    Heading,
    Items,
    Page,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
)
from bcauto.page.render import render, write_page
from bcauto.page.thumbnail import thumbnail

EVIL = "</script><script>alert('&')</script>"


class Tags(HTMLParser):
    """The elements of a page with their attributes, and the text inside each script."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)


@pytest.fixture(scope="module")
def page():
    drawn = go.Figure(go.Scatter(x=[1, 2], y=[0.5, None], text=[label(EVIL)] * 2))
    drawn.update_layout(title="gone", width=100, template="plotly")
    blocks = (
        Text(EVIL, "lead"),
        Heading(EVIL),
        Items((EVIL,)),
        Facts({EVIL: EVIL}),
        Code(EVIL, EVIL),
        Table(EVIL, (Column(EVIL), Column("score", True)), ((EVIL, 0.25), ("b", None))),
        Figure("all", drawn, EVIL, EVIL, height=300),
        Pictures(EVIL, (Picture("data:,", EVIL, EVIL),)),
    )
    return Page(EVIL, EVIL, (Section("one", EVIL, blocks),), EVIL)


@pytest.fixture(scope="module")
def tags(page):
    return Tags(render(page))


def test_every_text_is_escaped(page, tags):
    assert len(tags.scripts) == 4  # the data of the figure, colours, plotly, ours
    assert html.escape(EVIL, quote=False) in render(page).replace("&#39;", "'")


def test_a_figure_holds_its_data_and_no_colours_of_its_own(tags):
    stored = json.loads(next(text for attrs, text in tags.scripts if "data-figure" in attrs))
    assert stored["data"][0]["x"] == [1, 2]
    assert stored["data"][0]["y"] == [0.5, None]
    assert html.unescape(stored["data"][0]["text"][0]) == EVIL
    assert stored["layout"] == {"height": 300}


def test_only_scripts_of_the_page_may_run_and_nothing_is_loaded(tags):
    policy = next(a["content"] for tag, a in tags.elements if "http-equiv" in a)
    run = [text for attrs, text in tags.scripts if not attrs]
    found = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == found
    assert policy.startswith("default-src 'none'; img-src data:;")
    links = [a.get("src") or a.get("href") for _, a in tags.elements if {"src", "href"} & a.keys()]
    assert [link for link in links if not link.startswith(("data:", "#"))] == []


def test_numbers_sort_as_numbers_and_an_empty_cell_is_empty(tags):
    sorts = [a.get("data-sort") for tag, a in tags.elements if tag == "td"]
    assert sorts == [None, "0.25", None, None]


def test_a_page_without_figures_has_no_plotly():
    text = render(Page("t", "l", (Section("a", "A", (Text("x"),)),)))
    assert len(text) < 20_000


def test_a_page_appears_whole_where_it_can_be_written(page, tmp_path, refused):
    write_page(tmp_path / "new" / "index.html", page)
    assert (tmp_path / "new" / "index.html").read_text("utf-8") == render(page)
    (tmp_path / "file").touch()
    with refused("file/index.html: cannot be written"):
        write_page(tmp_path / "file" / "index.html", page)


def test_a_thumbnail_is_a_small_picture():
    picture = np.zeros((40, 200, 3), np.uint8)
    picture[:, :, 0] = 250
    kind, data = thumbnail(picture, 100).split(",")
    found = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert kind == "data:image/webp;base64"
    assert found.shape == (20, 100, 3)
    assert np.abs(found.mean(axis=(0, 1)) - [0, 0, 250]).max() < 12


def test_labels_of_an_axis_are_short_and_differ():
    long = "a name that is much too long for an axis"
    found = labels(["a", "<b>", f"{long} 1", f"{long} 2"])
    assert found[:2] == ["a", "&lt;b&gt;"]
    assert len(set(found)) == 4
    assert all(len(each) <= 32 for each in found)
