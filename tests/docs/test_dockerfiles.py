"""The Dockerfiles, read and their steps run with a stub of pip: no image is built here.

``.ci/run`` builds bcauto's own where Docker runs.
"""

import json
import os
import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN, SERVICE = ROOT / "Dockerfile", ROOT / "examples" / "serve" / "Dockerfile"
KNOWN = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "ENTRYPOINT", "CMD"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

both = pytest.mark.parametrize("file", [OWN, SERVICE], ids=["bcauto", "service"])


def steps(file):
    """The instructions of a Dockerfile and what each is given, in order."""
    text = re.sub(r"^#.*\n", "", file.read_text(), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def given(file, instruction):
    return [what for name, what in steps(file) if name == instruction]


@both
def test_every_instruction_is_known_and_the_image_below_is_python(file):
    assert {name for name, _ in steps(file)} <= KNOWN
    [below] = given(file, "FROM")
    arguments = dict(each.split("=") for each in given(file, "ARG"))
    tag = below.replace("${PYTHON}", arguments.get("PYTHON", "")).removeprefix("python:")
    assert tag == "3.11-slim"
    assert PROJECT["requires-python"] == ">=3.11"


@both
def test_commands_are_lists_as_signals_need_and_start_what_is_installed(file):
    commands = [json.loads(each) for each in given(file, "ENTRYPOINT") + given(file, "CMD")]
    program = commands[0][0]
    installed = " ".join(given(file, "RUN"))
    assert program in PROJECT["scripts"] if file == OWN else program in installed


def test_what_is_copied_exists_and_is_sent_to_the_builder():
    *ignored, _ = lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in ignored
    copied = [name for what in given(OWN, "COPY") for name in shlex.split(what)[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    assert {*copied} == sent
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    needed = PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"
    assert {*needed} <= {*copied}
    assert all(any(fnmatch(line, f"{name}*") for line in tracked.stdout.split()) for name in copied)


@pytest.mark.parametrize(
    ("arguments", "installed"),
    [
        ({}, ["."]),
        ({"EXTRAS": "gpu"}, [".[gpu]"]),
        ({"EXTRAS": "gpu,postgresql", "PACKAGES": "ray[default]"}, None),
    ],
)
def test_the_steps_install_bcauto_with_what_was_asked_for(arguments, installed, tmp_path):
    said = run_steps(OWN, arguments, tmp_path)
    expected = installed or [".[gpu,postgresql]", "ray[default]"]
    assert said == [["install", "--no-cache-dir", "-c", "constraints.txt", *expected]]
    extras = re.findall(r"\.\[(.*)\]", expected[0])
    assert {name for each in extras for name in each.split(",")} <= {
        *PROJECT["optional-dependencies"]
    }


def test_the_service_installs_packages_of_versions_that_bcauto_is_tested_with(tmp_path):
    [arguments] = run_steps(SERVICE, {}, tmp_path)
    wanted = {re.split(r"[>=~]", each)[0] for each in arguments if not each.startswith("-")}
    assert {"fastapi", "uvicorn", "pillow", "keras", "tensorflow-cpu"} <= wanted
    keras = next(each for each in arguments if each.startswith("keras"))
    assert keras in PROJECT["dependencies"]


def run_steps(file, arguments, folder):
    """Run each RUN as a builder's shell would, in a folder; return what pip was called with."""
    defaults = [each.split("=", 1) for each in given(file, "ARG")]
    names = {name: value.strip('"') for name, value in defaults}
    said = folder / "said"
    stub = folder / "pip"
    stub.write_text(
        f'#!/bin/sh\nfor each in "$@"; do echo "$each"; done >> {said}\necho >> {said}\n'
    )
    stub.chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    for command in given(file, "RUN"):
        assert not re.search(r"(^|\s)/", command), "it would write to this machine"
        assert shlex.split(command)[0] == "pip"
        subprocess.run(["/bin/sh", "-ec", command], env={**names, **arguments, **path}, check=True)
    return [block.split("\n") for block in said.read_text().strip().split("\n\n")]
