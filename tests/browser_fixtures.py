"""Pages in a real browser, Chromium by Playwright, for tests that are marked ``browser``."""

import os
import shutil
from dataclasses import dataclass, field

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page that is open, what went wrong in it, and what it asked for beside its own file."""

    page: object
    problems: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def figure(self, name):
        """The traces of a figure, as plotly holds them."""
        return self.page.evaluate(
            f"JSON.parse(JSON.stringify(document.getElementById('{name}').data))"
        )

    def scrolls_sideways(self):
        """Whether the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


@pytest.fixture(scope="module")
def browser():
    """Chromium, for the tests of one file; they are skipped where it is not installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"needs a browser: none of {', '.join(NAMES)} is installed (Debian: chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def open_page(browser):
    """Opens a page at a width in px and in a colour scheme; its problems are written down."""
    contexts = []

    def open_it(url, width=1400, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda said: opened.problems.append(said.text))
        opened.page.on("pageerror", lambda error: opened.problems.append(str(error)))
        opened.page.on("request", lambda asked: opened.requests.append(asked.url))
        opened.page.goto(url)
        opened.requests[:] = [
            asked for asked in opened.requests if not asked.startswith("data:") and asked != url
        ]
        return opened

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def wide(open_page, address):
    """The page at a module's ``address`` on a large light screen."""
    return open_page(address)


@pytest.fixture(scope="module")
def narrow(open_page, address):
    """The same on a phone in the dark."""
    return open_page(address, width=390, scheme="dark")


@pytest.fixture(params=["wide", "narrow"])
def opened(request):
    """The page on both, one after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def violations():
    """What axe-core finds in an open page, a line for each rule that is broken."""

    def find(opened):
        from axe_playwright_python.sync_playwright import Axe

        drawings = {"exclude": [[".svg-container"]]}  # what a figure shows is in its label
        found = Axe().run(opened.page, drawings).response["violations"]
        return [f"{v['id']}: {v['nodes'][0]['html'][:200]} ({len(v['nodes'])})" for v in found]

    return find
