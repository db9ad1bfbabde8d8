"""What the README, docs/ and the spaces show, done: commands run or parse, TOML and Python read."""

import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
import typer
import yaml
from PIL import Image

from bcauto.cli.app import app, main
from bcauto.io.toml import checked
from bcauto.recipe.recipe import Recipe, read_recipe
from bcauto.space.files import read_space

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SPACES = sorted((ROOT / "search_spaces").rglob("*.toml"))
OF_OTHER_TOOLS = {
    *("--num-cpus", "--cpus-per-task", "--quiet", "--strict"),
    *("--gpus", "--shm-size", "--user"),  # Docker's
}

SMALLER = {
    "--space full ": "--space tiny.toml ",
    "--trials 100": "--trials 2 --executor inline",
    "--trials 8": "--trials 1 --space tiny.toml --executor inline",
}
SEARCH = "bcauto search --data train.npz --space full --study cells --trials 100 --timeout 8h"
LOOKS = (
    "inspect",
    *("status", "best", "proxy", "evaluate", "predict", "studies", "clean", "augment", "space"),
    *("train", "report"),
)
PORT = "18734"

TINY = """
[recipe.model]
backbone = "SmallCNN"
dropout = 0.0

[recipe.training]
epochs = 3
batch_size = 18

[search]
"training.learning_rate" = { low = 1e-3, high = 1e-2, log = true }

[proxy]
severities = [3]
copies = 5
held_out_copies = 2

[confirm]
top = 1
repeats = 1
"""
RECIPE = """
[model]
backbone = "SmallCNN"

[training]
epochs = 1

[augment.randaugment]
"""


class Shown(NamedTuple):
    """A command line, and the file that shows it."""

    file: str
    line: str


def blocks(page, language):
    """The fenced blocks of a page, those within lists too."""
    found = rf"^ *```{language}\n(.*?)^ *```$"
    return re.findall(found, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def shell_lines(page):
    """The commands of a page's shell blocks, each on a line, without comments."""
    for block in blocks(page, "sh"):
        lines = block.replace("\\\n", " ").replace("&&", "\n").splitlines()
        yield from (re.sub(r"(^|\s)#.*", "", line).strip("& ") for line in lines)


def shown():
    """Every bcauto command with arguments that is documented, in order and once."""
    found = []
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.M)
        spans = re.findall(r"`(bcauto [a-z]+ [^`]+)`", text)
        jobs = [yaml.safe_load(block)["spec"]["entrypoint"] for block in blocks(page, "yaml")]
        found += [Shown(page.name, line) for line in [*shell_lines(page), *spans, *jobs]]
    for space in SPACES:
        comments = re.findall(r"^# +(bcauto .*)", space.read_text(encoding="utf-8"), re.MULTILINE)
        found += [Shown(space.name, line) for line in comments]
    return list(dict.fromkeys(each for each in found if each.line.startswith("bcauto ")))


@pytest.mark.parametrize("each", shown(), ids=lambda each: f"{each.file}-{each.line}")
def test_every_command_parses(each):
    name, *arguments = shlex.split(each.line)[1:]
    command = typer.main.get_command(app).commands[name]
    command.make_context(name, arguments)  # the real parser; nothing runs


def test_every_command_and_every_option_exists():
    commands = typer.main.get_command(app).commands
    lines = {each.line.split()[1] for each in shown()}
    assert lines == set(commands)
    known = {option for one in commands.values() for each in one.params for option in each.opts}
    for page in PAGES:
        spans = re.findall(r"`(--[a-z-]+)[^`]*`", page.read_text(encoding="utf-8"))
        assert set(spans) <= known | OF_OTHER_TOOLS | {"--help"}, page.name


@pytest.mark.keras
def test_commands_on_a_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER_PATH", "/nowhere")  # figures for the dashboard would take seconds
    monkeypatch.setattr("webbrowser.open", lambda address: address.startswith("file:"))
    write_files(tmp_path)
    lines = dict.fromkeys(each.line for each in shown() if each.file.endswith(".md"))
    assert SEARCH in lines
    looks = [line for line in lines if line.split()[1] in LOOKS and not needs_more(line)]
    assert {line.split()[1] for line in looks} == set(LOOKS)
    for line in [SEARCH, *looks]:
        assert run(shrunk(line), monkeypatch) == 0, (line, capsys.readouterr().err)
        said = capsys.readouterr()
        assert said.out, line
        assert said.err == "", line
    images = np.load(tmp_path / "test.npz")["images"]
    for page in (ROOT / "README.md", ROOT / "docs" / "search.md"):
        block = blocks(page, "python")[0]
        names = {"images": images}
        exec(block, names)
        assert names["probabilities"].shape == (len(images), 2)
    check_dashboard([*shrunk("bcauto dashboard cells"), "--port", PORT])


def write_files(folder):
    """Every file that the documented commands read."""
    for number, (name, count) in enumerate({"train": 120, "test": 40}.items()):
        rng = np.random.default_rng(number)
        labels = np.arange(count) % 2
        images = rng.integers(0, 120, (count, 32, 32, 3), dtype=np.uint8)
        images += (120 * labels[:, None, None, None]).astype(np.uint8)
        np.savez(folder / f"{name}.npz", images=images, labels=labels)
    (folder / "new_pictures").mkdir()
    Image.fromarray(images[0]).save(folder / "new_pictures" / "1.png")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "recipe.toml").write_text(RECIPE)


def needs_more(line):
    """Whether a command takes long, or stands for what the reader has, such as SPACE."""
    return "--scale small" in line or "--figures" in line or bool(re.search(r"\b[A-Z]{2,}\b", line))


def shrunk(line):
    """The arguments of a command, with a budget for a test."""
    for large, small in SMALLER.items():
        line = line.replace(large, small)
    return shlex.split(line)[1:]


def run(arguments, monkeypatch):
    """Run a command in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["bcauto", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@contextmanager
def started(arguments):
    """A command as a process in the current folder, ended afterwards."""
    command = [sys.executable, "-m", "bcauto", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def check_dashboard(arguments):
    """The dashboard answers on localhost, with the study in it."""
    with started(arguments) as served:
        assert f"http://127.0.0.1:{PORT}/" in served.stdout.readline()
        for _ in range(100):
            with suppress(URLError):
                url = f"http://127.0.0.1:{PORT}/api/studies"
                with urlopen(url, timeout=5) as answer:
                    studies = json.load(answer)["study_summaries"]
                assert {each["study_name"] for each in studies} == {"cells", "cells.confirm"}
                return
            assert served.poll() is None
            time.sleep(0.2)
    pytest.fail("the dashboard did not answer")


@pytest.mark.keras
def test_first_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER_PATH", "/nowhere")  # figures for the dashboard would take seconds
    write_files(tmp_path)
    [first] = {line for line in shell_lines(ROOT / "README.md") if "--trials 8" in line}
    code, said = run(shrunk(first), monkeypatch), capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert "built-in cells: " in said.out
    assert "best of the search: trial 0" in said.out


# --- what is shown beside commands ---------------------------------------------------------------


def test_set_up_stands_at_the_top_of_the_readme_and_ci_runs_its_tests():
    first, second = blocks(ROOT / "README.md", "sh")[0].strip().splitlines()
    assert first.startswith("pip install -c constraints.txt -e . && bcauto search --trials 8")
    assert second.startswith('pip install -c constraints.txt -e ".[test]" && pytest')
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '-c constraints.txt -e ".[test,docs]"' in ci
    command = second.partition("#")[0].rpartition("&&")[2].strip()
    assert ci.rstrip().endswith(f"\n{command}")


def test_extras_that_are_installed_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    for page in PAGES:
        for named in re.findall(
            r'pip install [^`\n]*"[a-z.]+\[([\w,-]+)\]"', page.read_text("utf-8")
        ):
            assert set(named.split(",")) <= set(extras), page.name


def test_constraints_hold_versions_and_no_address():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    names = {pin.split("==")[0].lower() for pin in pins}
    assert {"keras", "tensorflow", "optuna", "ray", "pytest", "mkdocs-material"} <= names
    assert "torch" not in names


def read_augment(path):
    table = tomllib.loads(path.read_text())
    return checked(Recipe, {"model": {"backbone": "SmallCNN"}, **table}, path)


def read_beside_a_hypermodel(path):
    table = tomllib.loads(path.read_text())
    own = {"model": {"backbone": "SmallCNN"}}  # in place of the hypermodel's values
    return checked(Recipe, {**table["recipe"], **own}, path)


READ = {
    "augmentation.md": read_augment,
    "backbones.md": read_recipe,
    "kerastuner.md": read_beside_a_hypermodel,
    "recipes.md": read_recipe,
    "spaces.md": read_space,
}


def test_spaces_and_recipes_of_the_pages_read(tmp_path):
    with_toml = {page.name: blocks(page, "toml") for page in PAGES if blocks(page, "toml")}
    assert set(with_toml) == set(READ)
    for name, shown_there in with_toml.items():
        for block in shown_there:
            path = tmp_path / "shown.toml"
            path.write_text(block, encoding="utf-8")
            READ[name](path)


def test_python_of_the_pages_compiles():
    for page in PAGES:
        for block in blocks(page, "python"):
            compile(block, page.name, "exec")
