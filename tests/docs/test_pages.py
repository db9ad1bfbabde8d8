"""The pages: short, with what the code says, and a site that holds together."""

import re
import subprocess
import sys
import tomllib
from importlib import util
from pathlib import Path

import pytest

from bcauto.augment.policies import Augment, AugMix, CutMix, MixUp, RandAugment
from bcauto.augment.wide import WideChain
from bcauto.proxy.config import ProxyConfig
from bcauto.recipe.network import Head
from bcauto.recipe.training import Training
from bcauto.space.files import bundled_spaces

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TRAININGS = [
    Training(),
    Training(schedule="reduce_on_plateau"),
    Training(loss="focal"),
    Training(balance="oversample"),
]


def text_of(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_readme_is_short_and_its_links_lead_somewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.encode()) <= 7000
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    pages = {path.name for path in DOCS.glob("*.md")}
    assert pages <= {Path(link).name for link in links}
    assert all((ROOT / link).exists() for link in links)


def test_pictures_are_small():
    assert all(path.stat().st_size < 150_000 for path in (DOCS / "images").iterdir())


def test_spaces_in_the_table_are_those_that_ship():
    table = text_of("search.md").partition("| space |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(bundled_spaces())


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("training.md", [Training, Head]),
        ("augmentation.md", [Augment, WideChain, RandAugment, AugMix, MixUp, CutMix]),
        ("scores.md", [ProxyConfig]),
    ],
)
def test_every_key_is_on_its_page(name, models):
    said = " ".join(re.findall(r"`[^`\n]+`", text_of(name)))
    on_another_page = {"stages"}
    keys = {key for model in models for key in model.model_fields} - on_another_page
    assert {key for key in keys if not re.search(rf"\b{key}\b", said)} == set()


def test_defaults_of_a_training_are_those_of_the_page():
    spans = re.findall(r"`(\w+ = [^`]+)`", text_of("training.md").partition("## The head")[0])
    assert len(spans) > 15
    for span in spans:
        [(key, value)] = tomllib.loads(span).items()
        assert value in [getattr(training, key) for training in TRAININGS], span


def test_the_commands_are_as_typer_has_them():
    path = DOCS / "command_line.py"
    spec = util.spec_from_file_location("command_line_page", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, _, written = text_of("command-line.md").partition(module.MARK)
    assert written.strip() == module.commands().strip(), f"python {path} writes it anew"


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("material", reason='the site needs the extra "docs"')
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / "site").glob("*.html"))
    assert len(pages) > len(list(DOCS.glob("*.md")))  # and that of a page that is not there
    for page in pages:
        tags = re.findall(r"<(?:script|link|img|iframe)[^>]*>", page.read_text(encoding="utf-8"))
        assert [tag for tag in tags if re.search(r'(src|href)="(https?:)?//', tag)] == []
