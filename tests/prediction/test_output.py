"""Predictions in each format, read back by other programs."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pandas as pd
import pytest

from bcauto.prediction.output import check_output, open_output

NAMES = ("file", 'a,"b"', "Zellkörper")  # as a column of the table is called, quoted, not ASCII
FILES = ["pics/1.png", 'odd, "name".png', "x.npz[3]"]


@pytest.fixture
def probabilities():
    return np.random.default_rng(0).dirichlet(np.ones(3), 3).astype(np.float32)


def written(path, probabilities):
    with open_output(path, NAMES) as write:
        write(FILES[:2], probabilities[:2])
        write(FILES[2:], probabilities[2:])
    return path


def check(table, probabilities):
    titles = ["file", "class", "p_file", 'p_a,"b"', "p_Zellkörper"]
    assert list(table.columns) == titles
    assert list(table["file"]) == FILES
    assert list(table["class"]) == [NAMES[label] for label in probabilities.argmax(axis=1)]
    np.testing.assert_allclose(table[titles[2:]], probabilities, rtol=1e-6)


def test_csv(tmp_path, probabilities):
    path = written(tmp_path / "new folder" / "x.csv", probabilities)
    check(pd.read_csv(path), probabilities)
    with path.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 4


def test_parquet(tmp_path, probabilities):
    table = pd.read_parquet(written(tmp_path / "x.parquet", probabilities))
    check(table, probabilities)
    assert {str(kind) for kind in table.dtypes[2:]} == {"float32"}


def test_npz(tmp_path, probabilities):
    stored = np.load(written(tmp_path / "x.npz", probabilities))
    assert stored["files"].tolist() == FILES
    assert stored["class_names"].tolist() == list(NAMES)
    np.testing.assert_array_equal(stored["probabilities"], probabilities)
    np.testing.assert_array_equal(stored["labels"], probabilities.argmax(axis=1))


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_after_an_error_nothing_is_left(suffix, tmp_path, probabilities):
    def fail():
        with open_output(tmp_path / f"x{suffix}", NAMES) as write:
            write(FILES, probabilities)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x.txt", "--out must end in .csv, .npz, .parquet, got .*x.txt"),
        ("there.csv", "--out must be a new file, got .*there.csv, which exists"),
        ("there.csv/x.csv", "--out must be a new file that can be written, got .*not a directory"),
        ("folder.npz", "--out must be a new file, got .*folder.npz, which exists"),
    ],
)
def test_what_cannot_be_written_is_refused(name, said, tmp_path, refused):
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "folder.npz").mkdir()
    with refused(said):
        check_output(tmp_path / name)
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refused(r"needs pyarrow, which is not installed: pip install 'bcauto\[parquet\]'$"):
        check_output(tmp_path / "x.parquet")


def test_a_new_file_in_a_new_folder_may_be_written_and_is_not_made_yet(tmp_path):
    check_output(tmp_path / "a" / "b" / "x.csv")
    assert not list(tmp_path.iterdir())
