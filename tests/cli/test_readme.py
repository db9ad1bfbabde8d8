"""What the README shows, done: its commands on small data, its space read, its options known."""

import json
import re
import shlex
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

from bcauto.io.toml import checked
from bcauto.space.files import bundled_spaces
from bcauto.space.space import Space

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SMALLER = {
    "--space full ": "--space tiny.toml ",
    "--trials 100": "--trials 2 --executor inline",
    "--trials 8": "--trials 1 --space tiny.toml",
    "--timeout 8h": "--timeout 10m",
    "--scale small": "--scale small --weights none",
}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands():
    """Every bcauto command that the README shows, in order, with a budget for a test."""
    lines = "\n".join(blocks("sh")).replace("&&", "\n").splitlines()
    shown = [line.split("#")[0].strip() for line in lines]
    return [shrunk(line) for line in shown if line.startswith("bcauto ")]


def shrunk(line):
    for large, small in SMALLER.items():
        line = line.replace(large, small)
    return shlex.split(line)[1:]


def test_set_up_stands_at_the_top_and_ci_runs_it():
    first, second = blocks("sh")[0].strip().splitlines()
    assert first.startswith("pip install -c constraints.txt -e . && bcauto search --trials 8")
    assert second.startswith('pip install -c constraints.txt -e ".[test]" && pytest')
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '-c constraints.txt -e ".[test]"' in ci
    command = second.partition("#")[0].rpartition("&&")[2].strip()
    assert ci.rstrip().endswith(f"\n{command}")


def test_spaces_in_the_table_are_those_that_ship():
    table = README.partition("| space |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(bundled_spaces())


def test_space_of_the_example_reads():
    (example,) = blocks("toml")
    space = checked(Space, tomllib.loads(example), "README.md")
    assert len(space.search) == 6


def test_constraints_hold_versions_and_no_address():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
    names = {pin.split("==")[0].lower() for pin in pins}
    assert {"keras", "tensorflow", "optuna", "ray", "pytest"} <= names
    assert "torch" not in names


@pytest.mark.keras
def test_commands_on_data_of_ones_own(process, tmp_path, tiny_space, two_classes):
    np.savez(tmp_path / "train.npz", **two_classes(120, 0))
    np.savez(tmp_path / "test.npz", **two_classes(40, 1))
    mine = [line for line in commands() if {"cells", "--study", "studies"} & set(line)]
    looks = ["status", "best", "best", "proxy", "studies", "prune", "dashboard"]
    assert [line[0] for line in mine] == ["search", *looks]
    others = [line for line in commands() if line[0] in ("evaluate", "augment", "train")]
    recipe = '[model]\nbackbone = "SmallCNN"\n[training]\nepochs = 1\n[augment.randaugment]\n'
    (tmp_path / "recipe.toml").write_text(recipe)
    for line in [*mine[:-1], *others]:
        ran = process(*line)
        out, err = ran.communicate(timeout=300)
        assert ran.returncode == 0, (line, err)
        assert out
        assert err == ""
    check_dashboard(process, [*mine[-1], "--port", "18734"])


def check_dashboard(process, line):
    """The dashboard answers on localhost, with the study in it."""
    served = process(*line)
    assert "http://127.0.0.1:18734/" in served.stdout.readline()
    for _ in range(100):
        with suppress(URLError):
            with urlopen("http://127.0.0.1:18734/api/studies", timeout=5) as answer:
                (study,) = json.load(answer)["study_summaries"]
            assert study["study_name"] == "cells"
            return
        assert served.poll() is None
        time.sleep(0.2)
    pytest.fail("the dashboard did not answer")


@pytest.mark.ray
def test_first_command(process, tiny_space):
    (first,) = [line for line in commands() if line[:2] == ["search", "--trials"]]
    ran = process(*first)
    out, err = ran.communicate(timeout=400)
    assert ran.returncode == 0, err
    assert err == ""
    assert "built-in cells: " in out
    assert "best: trial 0" in out
