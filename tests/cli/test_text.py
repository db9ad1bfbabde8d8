"""What is written where letters cannot be: in other locales, and in narrow terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import bcauto

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def run(tmp_path):
    """Runs bcauto with other variables; gives its exit code and what it wrote."""

    def bcauto_in(surroundings, *arguments):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
        variables = {**clean, "PYTHONPATH": str(Path(bcauto.__file__).parents[1]), **surroundings}
        ran = subprocess.run(
            [sys.executable, "-m", "bcauto", *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            check=False,
        )
        return ran.returncode, ran.stdout, ran.stderr

    return bcauto_in


@pytest.fixture
def cells(tmp_path):
    """Class folders whose names have letters that ASCII lacks, in such a folder."""
    rng = np.random.default_rng(0)
    for name in ("Größe", "中性"):
        folder = tmp_path / "Données" / name
        folder.mkdir(parents=True)
        for number in range(12):
            cv2.imwrite(str(folder / f"é{number}.png"), rng.integers(0, 256, (16, 16, 3), np.uint8))
    return tmp_path / "Données"


def augmented(cells):
    return ("augment", "--data", cells.name, "--recipe", "a.toml", "--out", "é.png")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None])
def test_names_of_files_are_utf_8_in_any_locale(run, cells, tmp_path, encoding):
    (tmp_path / "a.toml").write_text("[augment]\n")
    variables = C_LOCALE | ({"PYTHONIOENCODING": encoding} if encoding else {})
    code, out, err = run(variables, *augmented(cells))
    assert (code, err) == (0, b"")
    known = b"\xe9.png" if encoding == "latin-1" else "é.png".encode()  # by Typer, in any case
    assert out.splitlines()[-1] == known
    assert (tmp_path / "é.png").exists()


@pytest.mark.parametrize("variables", [C_LOCALE, {"PYTHONIOENCODING": "ascii"}])
def test_refusals_show_other_letters_as_numbers(run, cells, variables):
    (cells / "Größe" / "leer.png").touch()
    code, out, err = run(variables, "train", "vgg", "--data", cells.name)
    assert (code, out) == (2, b"")
    assert err.startswith(b"bcauto: ")
    assert err.count(b"\n") == 1


def test_a_name_that_is_not_utf_8_is_no_traceback(run, cells):
    (cells / "Größe").rename(os.fsdecode(os.fsencode(cells) + b"/Gr\xf6\xdfe"))
    code, out, err = run({"LC_ALL": "C.UTF-8"}, "augment", "--data", cells.name)
    assert (code, out) == (2, b"")
    assert err.startswith(b"bcauto: ")
    assert err.count(b"\n") == 1


def test_help_fits_forty_columns(run):
    for command in ("evaluate", "dashboard", "proxy"):
        code, out, _ = run({"COLUMNS": "40"}, command, "--help")
        assert code == 0
        assert max(map(len, out.decode().splitlines())) <= 40
    assert max(map(len, run({"COLUMNS": "100"}, "search", "--help")[1].splitlines())) > 60
