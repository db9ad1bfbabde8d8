"""Half a minute of damaged files for every reader; benchmarks/fuzz.py does the same for longer."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.chaos


@pytest.fixture
def fuzzing(monkeypatch):
    """The benchmark's module, which lies in no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("fuzz", BENCHMARKS / "fuzz.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fuzz", module)
    spec.loader.exec_module(module)
    return module


def test_every_reader_takes_a_file_or_refuses_it_in_one_line(fuzzing):
    figures = fuzzing.fuzz(18)
    assert figures.keys() == fuzzing.READERS.keys()
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
def test_what_no_reader_may_do_is_a_finding(fuzzing, tmp_path, monkeypatch, reader, said):
    broken = tmp_path / "broken.py"
    text = (BENCHMARKS / "fuzz.py").read_text(encoding="utf-8")
    assert "READERS: " in text
    own = f'"recipe": lambda: Reader(single("a", tables(["x = 1"])), {reader}),'
    broken.write_text(text.replace('"recipe": _recipe,', own), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS))
    monkeypatch.setattr(fuzzing, "__file__", str(broken))
    with pytest.raises(fuzzing.Finding, match=said) as caught:
        fuzzing.fuzz(2, readers=("recipe",))
    folder = str(caught.value).partition(" on ")[2].splitlines()[0]
    assert (Path(folder) / "a").is_file()
