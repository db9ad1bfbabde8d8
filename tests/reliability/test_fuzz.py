"""Fifty damaged files for every reader; the long run takes thousands."""

from pathlib import Path

import fuzz
import pytest

FILE = Path(fuzz.__file__)

pytestmark = pytest.mark.chaos


def test_every_reader_takes_a_file_or_refuses_it_in_one_line():
    figures = fuzz.fuzz(rounds=1)
    assert figures.keys() == fuzz.READERS.keys()
    assert all(each["files"] for each in figures.values())
    files, taken = (sum(each[name] for each in figures.values()) for name in ("files", "taken"))
    assert 0.02 < taken / files < 0.9


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        ("lambda folder: 1 / 0", "ZeroDivisionError"),
        ("lambda folder: bytes(2**33)", "MemoryError"),
        ("lambda folder: __import__('os').abort()", "ended with -6"),
    ],
)
def test_what_no_reader_may_do_is_a_finding(tmp_path, monkeypatch, reader, said):
    broken = tmp_path / "broken.py"
    text = FILE.read_text(encoding="utf-8")
    assert "READERS: " in text
    own = f'"recipe": lambda: Reader(single("a", tables(["x = 1"])), {reader}),'
    broken.write_text(text.replace('"recipe": _recipe,', own), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(FILE.parent))
    monkeypatch.setattr(fuzz, "__file__", str(broken))
    with pytest.raises(fuzz.Finding, match=said) as caught:
        fuzz.fuzz(rounds=1, readers=("recipe",))
    folder = str(caught.value).partition(" on ")[2].splitlines()[0]
    assert (Path(folder) / "a").is_file()
