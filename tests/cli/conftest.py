"""The command line in this process and as a process."""

import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import numpy as np
import pytest
from tiny_fixtures import SPACE, paint_two_classes

from bcauto.cli.app import main

NO_BROWSER = {"BROWSER_PATH": "/nowhere"}  # figures for the dashboard would take it seconds


@dataclass
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def searches_of_this_process_write_no_report(no_report):
    """Searches in processes of their own write theirs."""


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bcauto", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ran(ended.value.code, said.out, said.err)

    return run


@pytest.fixture
def process(tmp_path):
    """Starts a command as a process in the same folder; all of them are ended afterwards."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "bcauto", *map(str, arguments)]
        environment = {**os.environ, **NO_BROWSER, "COLUMNS": "120"}
        pipe = subprocess.PIPE
        begun = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )
        started.append(begun)
        return begun

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate()


@pytest.fixture(scope="session")
def search_once(tmp_path_factory):
    """Runs a search on tiny cells in a folder of its own; gives the folder and what it said.

    In this process, or in one of its own, where native code may write on the screen, too.
    """

    def run(*arguments, own_process=False):
        folder = tmp_path_factory.mktemp("searched")
        np.savez(folder / "tiny.npz", **paint_two_classes(120, 0))
        (folder / "tiny.toml").write_text(SPACE)
        given = ["search", "--data", "tiny.npz", "--space", "tiny.toml", *arguments]
        ran = (run_as_process if own_process else run_here)(given, folder)
        assert ran.code == 0, ran.err
        return folder, ran

    return run


def run_as_process(arguments, folder):
    command = [sys.executable, "-m", "bcauto", *arguments]
    environment = {**os.environ, **NO_BROWSER}
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def run_here(arguments, folder):
    out, err = StringIO(), StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["bcauto", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return Ran(ended.value.code, out.getvalue(), err.getvalue())
